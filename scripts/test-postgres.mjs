// `npm run test:postgres`: what must hold on every PostgreSQL that is promised, 14 to 18. `npm test` has the embedded 18; this has the others.
// With majors as arguments, such as `npm run test:postgres -- 15`, only those.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { requireNode } from './lib/node-version.mjs'
import { prepare } from './lib/prepare.mjs'
import { report } from './lib/report.mjs'
import { onSignal } from './lib/signals.mjs'
import { addUp } from './lib/totals.mjs'
import { bePatient, runVitest } from './lib/vitest.mjs'
import { findServers } from './postgres-matrix/servers.mjs'

requireNode()
const root = fileURLToPath(new URL('..', import.meta.url))
const CONFIG = ['--config', 'scripts/postgres-matrix/vitest.config.ts']
const PREPARE = 'packages/engine/test/matrix/prepare.matrix.ts'
/** On the oldest every text of the suites is prepared, also those that only `npm test` sent. */
const OLDEST = 14

const none = { passed: 0, failed: 0, skipped: [], problems: [] }
const failures = (problems) => ({ ...none, failed: problems.length, problems })

const envOf = ({ major, bin, hasJit }, more = {}) => ({
  ...process.env,
  SPARK_TEST_POSTGRES_BIN: bin,
  SPARK_TEST_POSTGRES_NAME: `postgres-${major}`,
  SPARK_TEST_POSTGRES_JIT: hasJit ? '1' : '0',
  ...more,
})

const runOn = async (server, collected) => {
  console.log(`\n${server.name}: ${server.bin}`)
  const suites = await runVitest([...CONFIG, '--exclude', PREPARE], {
    cwd: root,
    env: envOf(server, { SPARK_COLLECT_SQL: collected }),
  })
  if (server.major !== OLDEST || stopped) return suites
  const folders = [collected, ...(process.env.SPARK_COLLECT_SQL ? [process.env.SPARK_COLLECT_SQL] : [])]
  const prepared = await runVitest([...CONFIG, PREPARE], {
    cwd: root,
    env: envOf(server, { SPARK_COLLECTED_SQL: folders.join(':'), SPARK_COLLECT_SQL: '' }),
  })
  return addUp(suites, prepared)
}

let stopped = false
onSignal(() => {
  stopped = true // what runs gets the signal too; nothing more is begun
})

const main = async () => {
  if (!(await prepare(root, { types: true }))) return failures(['the build'])
  await bePatient()
  const wanted = process.argv.slice(2).map(Number)
  const { servers, missing } = await findServers(root)
  for (const line of missing) console.log(`A server is missing: ${line}`)
  const chosen = servers.filter(({ major }) => wanted.length === 0 || wanted.includes(major))
  const collected = mkdtempSync(join(tmpdir(), 'spark-sql-'))
  let totals = failures(missing.map((line) => `a server is missing: ${line}`))
  if (chosen.length === 0 && missing.length === 0)
    totals = failures([`no server of ${wanted.join(', ')}: there are ${servers.map(({ major }) => major).join(', ')}`])
  try {
    for (const server of chosen) {
      if (stopped) return addUp(totals, failures([`stopped before ${server.name}`]))
      totals = addUp(totals, await runOn(server, collected))
    }
  } finally {
    rmSync(collected, { recursive: true, force: true })
  }
  return totals
}

report(await main(), root)
