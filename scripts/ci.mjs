// `.ci/run`: runs `npm test`, then `npm run test:postgres` even if the first failed. The last line has the totals of both.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInForeground } from './lib/foreground.mjs'
import { requireNode } from './lib/node-version.mjs'
import { report } from './lib/report.mjs'
import { onSignal } from './lib/signals.mjs'
import { addUp } from './lib/totals.mjs'

requireNode()
const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'spark-ci-'))

let stopped = false
onSignal(() => {
  stopped = true // the running script gets the signal, too; no other one starts
})

const run = async (script) => {
  if (stopped) return { passed: 0, failed: 1, skipped: [], problems: [`stopped before scripts/${script}`] }
  const file = join(folder, `${script}.json`)
  const env = { ...process.env, SPARK_TEST_TOTALS: file, SPARK_COLLECT_SQL: join(folder, 'sql') }
  const code = await runInForeground([`scripts/${script}`], { cwd: root, env })
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return {
      passed: 0,
      failed: 1,
      skipped: [],
      problems: [`scripts/${script} ended with code ${code} and wrote no totals`],
    }
  }
}

try {
  const totals = addUp(await run('test.mjs'), await run('test-postgres.mjs'))
  console.log('\nBoth together:')
  report(totals, root)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
