// `npm test`: everything that must hold, on a machine with nothing but Node and npm, busy or not. The last line has the totals.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { requireNode } from './lib/node-version.mjs'
import { prepare } from './lib/prepare.mjs'
import { report } from './lib/report.mjs'
import { runStep, StepFailed } from './lib/step.mjs'
import { bePatient, runVitest } from './lib/vitest.mjs'

requireNode()
const root = fileURLToPath(new URL('..', import.meta.url))

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

/** Compiling the Mongo server for tests takes a minute the first time: meanwhile the rest is checked. What cannot be made the tests will say. */
const startMongoBuild = () =>
  new Promise((resolve) => {
    const code = `import('./packages/testing/dist/index.js').then(({ prepareMongo }) => prepareMongo({ mongodbUri: process.env.MONGODB_URI, progress: () => {} }))`
    spawn(process.execPath, ['--input-type=module', '-e', code], { cwd: root, stdio: 'ignore' })
      .once('error', resolve)
      .once('exit', resolve)
  })

const main = async () => {
  if (!(await prepare(root, { types: true }))) return { passed: 0, failed: 1, skipped: [], problems: [] }
  const mongo = startMongoBuild()
  const checks = [
    await check('Checking style (eslint)', 'node_modules/eslint/bin/eslint.js', '.'),
    await check('Checking types (tsc)', 'node_modules/typescript/bin/tsc', '--noEmit'),
  ]
  await mongo
  await bePatient() // by now the build and both checks have had their share
  const totals = await runVitest(process.argv.slice(2), { cwd: root })
  const passed = checks.filter(Boolean).length
  return { ...totals, passed: totals.passed + passed, failed: totals.failed + checks.length - passed }
}

report(await main(), root)
