// `npm test`: everything that must hold, on a machine with nothing but Node and npm, busy or not. The last line has the totals.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInForeground } from './lib/foreground.mjs'
import { requireNode } from './lib/node-version.mjs'
import { prepare } from './lib/prepare.mjs'
import { runStep, StepFailed } from './lib/step.mjs'
import { summaryOf, totalsOf } from './lib/totals.mjs'

requireNode()
const root = fileURLToPath(new URL('..', import.meta.url))
const isCi = !['', '0', 'false'].includes(process.env.CI ?? '')

/** Lint and types count as one test each. */
const check = async (title, ...args) => {
  try {
    await runStep(title, process.execPath, args, { cwd: root })
    return true
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    console.log([error.message, ...error.lines.map((line) => `  ${line}`), ''].join('\n'))
    return false
  }
}

/** How busy the machine is counts from here on: by now the build and both checks have had their share. */
const bePatient = async () => {
  const { patience } = await import('../packages/testing/dist/index.js')
  const times = patience()
  process.env.SPARK_TEST_PATIENCE = String(times)
  if (times > 1) console.log(`Tests wait up to ${times} times as long as they say: this machine is busy, or SPARK_TEST_PATIENCE says so`)
}

const runTests = async () => {
  await bePatient()
  const folder = mkdtempSync(join(tmpdir(), 'spark-test-report-'))
  const file = join(folder, 'vitest.json')
  try {
    const code = await runInForeground(
      ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...process.argv.slice(2)],
      { cwd: root },
    )
    return totalsOf(readReport(file), code)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const readReport = (file) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}

/** Compiling the Mongo server for tests takes a minute the first time: meanwhile the rest is checked. What cannot be made the tests will say. */
const startMongoBuild = () =>
  new Promise((resolve) => {
    const code = `import('./packages/testing/dist/index.js').then(({ prepareMongo }) => prepareMongo({ mongodbUri: process.env.MONGODB_URI, progress: () => {} }))`
    spawn(process.execPath, ['--input-type=module', '-e', code], { cwd: root, stdio: 'ignore' }).once('error', resolve).once('exit', resolve)
  })

const main = async () => {
  if (!(await prepare(root, { types: true }))) return { passed: 0, failed: 1, skipped: [], problems: [] }
  const mongo = startMongoBuild()
  const checks = [
    await check('Checking style (eslint)', 'node_modules/eslint/bin/eslint.js', '.'),
    await check('Checking types (tsc)', 'node_modules/typescript/bin/tsc', '--noEmit'),
  ]
  await mongo
  const totals = await runTests()
  const passed = checks.filter(Boolean).length
  return { ...totals, passed: totals.passed + passed, failed: totals.failed + checks.length - passed }
}

const totals = await main()
const short = (text) => text.replaceAll(root, '')
for (const problem of totals.problems) console.log(`failed: ${short(problem)}`)
if (totals.skipped.length > 0) {
  console.log(isCi ? 'skipped, which in CI counts as failed:' : 'skipped:')
  for (const name of totals.skipped) console.log(`  ${short(name)}`)
}
const { failed, line } = summaryOf(totals, isCi)
console.log(line)
process.exitCode = failed > 0 ? 1 : 0
