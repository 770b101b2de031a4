import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runInForeground } from './foreground.mjs'
import { totalsOf } from './totals.mjs'

const readReport = (file) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}

/** Runs vitest on our terminal and counts the tests of its report. */
export const runVitest = async (args, { cwd, env = process.env }) => {
  const folder = mkdtempSync(join(tmpdir(), 'spark-test-report-'))
  const file = join(folder, 'vitest.json')
  try {
    const code = await runInForeground(
      [
        'node_modules/vitest/vitest.mjs',
        'run',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${file}`,
        ...args,
      ],
      { cwd, env },
    )
    return totalsOf(readReport(file), code)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Measures how busy the machine is; the tests that follow wait longer accordingly. Needs the built packages. */
export const bePatient = async () => {
  const { patience } = await import('../../packages/testing/dist/index.js')
  const times = patience()
  if (times > 1 && process.env.SPARK_TEST_PATIENCE !== String(times)) {
    console.log(`Tests wait up to ${times} times as long as usual: this machine is busy, or SPARK_TEST_PATIENCE is set`)
  }
  process.env.SPARK_TEST_PATIENCE = String(times)
}
