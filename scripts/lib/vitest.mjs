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

/** Runs vitest on our terminal and counts what it reports. */
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

/** How busy the machine is counts from here on; every test that follows waits accordingly. Needs what is built. */
export const bePatient = async () => {
  const { patience } = await import('../../packages/testing/dist/index.js')
  const times = patience()
  if (times > 1 && process.env.SPARK_TEST_PATIENCE !== String(times)) {
    console.log(
      `Tests wait up to ${times} times as long as they say: this machine is busy, or SPARK_TEST_PATIENCE says so`,
    )
  }
  process.env.SPARK_TEST_PATIENCE = String(times)
}
