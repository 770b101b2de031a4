// `npm run test:postgres`: tests the supported PostgreSQL versions that `npm test` does not: 14 to 17. (`npm test` uses the embedded 18.)
// Major versions as arguments select among them: `npm run test:postgres -- 15`.
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
/** On the oldest version, every SQL text of the suites is prepared, and those of `npm test`, too. */
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
  stopped = true // the running tests get the signal, too; no other server is tested
})

const main = async () => {
  if (!(await prepare(root, { types: true }))) return failures(['the build failed'])
  await bePatient()
  const wanted = process.argv.slice(2).map(Number)
  const { servers, missing } = await findServers(root)
  for (const line of missing) console.log(`A server is missing: ${line}`)
  const chosen = servers.filter(({ major }) => wanted.length === 0 || wanted.includes(major))
  const collected = mkdtempSync(join(tmpdir(), 'spark-sql-'))
  let totals = failures(missing.map((line) => `a server is missing: ${line}`))
  if (chosen.length === 0 && missing.length === 0)
    totals = failures([
      `no server has the version ${wanted.join(', ')}: there are ${servers.map(({ major }) => major).join(', ')}`,
    ])
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
