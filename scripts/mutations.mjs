// `node scripts/mutations.mjs [text]`: takes each fence, lock and unique index away, one at a time, and says which tests notice. By hand, for
// some minutes: it changes files of the working tree and puts them back. Fails when nothing notices. `text`: only those whose name has it.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const queue = (name) => `packages/db/src/queue/${name}.ts`
const INIT = 'packages/db/prisma/migrations/20261129073000_init/migration.sql'
const CLAIM = 'packages/db/test/claim.test.ts'
const FENCE = 'packages/db/test/fence.test.ts'
const TAKE_OVER = 'packages/db/test/take-over.test.ts'
const LEDGER = 'packages/db/test/ledger.test.ts'
const RETRY = 'packages/db/test/retry.test.ts'
const LOST = 'apps/worker/test/lost.test.ts'
const RETRY_BY_HAND = 'packages/db/test/retry-by-hand.test.ts'
const UNSENT = 'packages/db/test/unsent.test.ts'
const HEALTH_CHECK = 'packages/db/test/health-check.test.ts'

/** What is taken away: `from` must stand in the file exactly once from `after` on. */
const mutations = [
  {
    name: 'the version that an edit of a source names',
    file: 'packages/db/src/sources.ts',
    from: ' AND version = ANY ($${parameter}::int[])',
    to: ' AND $${parameter}::int[] IS NOT NULL',
    tests: ['apps/worker/test/versions.test.ts'],
  },
  {
    name: 'the version that an edit of a schedule names',
    file: 'packages/engine/src/schedules.ts',
    from: 'if (!isAmong(versions, row.version))',
    to: 'if (row.version < 0)',
    tests: ['apps/worker/test/versions.test.ts'],
  },
  {
    name: 'the token of settle',
    file: queue('settle'),
    after: 'UPDATE tasks t SET phase = NULL',
    from: 'AND t.token = r.token',
    tests: [FENCE, TAKE_OVER],
  },
  {
    name: 'the status of settle',
    file: queue('settle'),
    from: "AND (t.status = 'running' OR",
    to: 'AND (true OR',
    tests: [FENCE, TAKE_OVER],
  },
  {
    name: 'the token of reading a settlement back',
    file: queue('settle'),
    after: 'ON t.id = r.id',
    from: 'AND t.token = r.token',
    tests: [FENCE, RETRY, 'apps/worker/test/settle.test.ts', LOST],
  },
  {
    name: 'the token of a release',
    file: queue('settle'),
    after: 'token = NULL',
    from: 'AND t.token = h.token',
    tests: [FENCE],
  },
  {
    name: 'the token of releasing what was not sent',
    file: queue('unsent'),
    from: 'AND t.token = r.token',
    tests: [UNSENT],
  },
  {
    name: 'that nothing is claimed before a check',
    file: INIT,
    after: 'FUNCTION spark_takes_calls',
    from: 'AND s.suspect_at IS NULL ',
    tests: [UNSENT, HEALTH_CHECK],
  },
  {
    name: 'one check at a time',
    file: queue('health-check'),
    after: 'const TO_CHECK',
    from: 's.checking_until <= spark_now() OR',
    to: 'true OR',
    tests: [HEALTH_CHECK],
  },
  {
    name: 'one check a second',
    file: queue('health-check'),
    after: 'const TO_CHECK',
    from: "s.check_began_at <= spark_now() - interval '1 second' OR",
    to: 'true OR',
    tests: [HEALTH_CHECK],
  },
  {
    name: 'the fence of what a check reports',
    file: queue('health-check'),
    after: 'const MINE',
    from: 's.check_began_at = $2',
    to: 's.check_began_at >= $2',
    tests: [HEALTH_CHECK],
  },
  {
    name: 'the row lock of checks',
    file: queue('health-check'),
    after: 'const claimHealthChecks',
    from: ' FOR NO KEY UPDATE OF s SKIP LOCKED',
    tests: [HEALTH_CHECK],
  },
  {
    name: 'the token of the intent',
    file: queue('claim'),
    after: "SET phase = 'calling'",
    from: 'AND t.token = h.token',
    tests: [FENCE, LOST],
  },
  {
    name: 'the cancel that an intent checks',
    file: queue('claim'),
    from: 'AND t.cancel_requested_at IS NULL',
    tests: [FENCE, LOST, 'apps/worker/test/calls.test.ts'],
  },
  {
    name: 'the token of reading a claim back',
    file: queue('claim'),
    from: "t.token = $1 AND t.status = 'running'",
    to: "t.status = 'running' AND $1::uuid IS NOT NULL",
    tests: [CLAIM, FENCE, LOST],
  },
  {
    name: 'the token of recovering the outcome of a lost call',
    file: queue('claim'),
    after: "SET phase = 'asking'",
    from: ' AND token = $2',
    to: ' AND $2::uuid IS NOT NULL',
    tests: [TAKE_OVER],
  },
  { name: 'the token of a heartbeat', file: queue('lease'), from: 'AND t.token = h.token', tests: [FENCE] },
  {
    name: 'the mark of a heartbeat',
    file: queue('lease'),
    from: ', marked_at = NULL\n       FROM unnest',
    to: '\n       FROM unnest',
    tests: [TAKE_OVER],
  },
  {
    name: 'the lease of a take-over',
    file: queue('lease'),
    after: 'AS MATERIALIZED',
    from: 'lease_until < spark_now() AND marked_at',
    to: 'marked_at',
    tests: [TAKE_OVER],
  },
  {
    name: 'the wait before a take-over',
    file: queue('lease'),
    after: 'AS MATERIALIZED',
    from: "- $1 * interval '1 millisecond'",
    to: "- 0 * $1 * interval '1 millisecond'",
    tests: [TAKE_OVER],
  },
  {
    name: 'the row lock of a take-over',
    file: queue('lease'),
    after: 'AS MATERIALIZED',
    from: 'FOR NO KEY UPDATE SKIP LOCKED',
    tests: [TAKE_OVER],
  },
  {
    name: 'the row lock of sources in the claim',
    file: INIT,
    after: 'FUNCTION spark_claim_ready',
    from: 'ORDER BY s.id FOR NO KEY UPDATE OF s',
    to: 'ORDER BY s.id',
    tests: [CLAIM],
  },
  {
    name: 'one at a time, of a schedule',
    file: INIT,
    after: 'FUNCTION spark_claim_ready',
    from: "(t.serial_key IS NULL OR t.trigger = 'manual' OR",
    to: '(true OR',
    tests: [CLAIM],
  },
  {
    name: 'the order by which the claim finds who is before a task',
    file: INIT,
    after: 'FUNCTION spark_claim_ready',
    from: 'ORDER BY o.ready_at, o.id LIMIT 1',
    to: 'LIMIT 1',
    tests: [CLAIM],
  },
  {
    name: 'the row lock of what is due',
    file: queue('ledger'),
    from: ' FOR NO KEY UPDATE OF s SKIP LOCKED',
    tests: [LEDGER],
  },
  {
    name: 'the row lock of one schedule',
    file: queue('ledger'),
    after: 'lockSchedule =',
    from: ' FOR NO KEY UPDATE OF s',
    tests: [LEDGER],
  },
  {
    name: 'the unique index on tasks',
    file: INIT,
    from: 'CREATE UNIQUE INDEX tasks_due_once',
    to: 'CREATE INDEX tasks_due_once',
    tests: [LEDGER],
  },
  {
    name: 'ON CONFLICT of the ledger',
    file: queue('ledger'),
    from: 'ON CONFLICT (schedule_id, scheduled_for) DO NOTHING',
    tests: [LEDGER],
  },
  {
    name: 'the watermark of reading a stored cron again',
    file: 'packages/db/src/reread.ts',
    from: 'AND s.decided_until IS NOT DISTINCT FROM r.decided_until ',
    tests: ['packages/engine/test/reread.test.ts'],
  },
  {
    name: 'the row lock of a cancel',
    file: 'packages/db/src/tasks.ts',
    after: 'async cancel(',
    from: ' FOR UPDATE OF t',
    tests: ['packages/db/test/races.test.ts'],
  },
  {
    name: 'the row lock of a retry',
    file: 'packages/db/src/tasks.ts',
    after: 'async retry(',
    from: ' FOR NO KEY UPDATE OF t',
    tests: [RETRY_BY_HAND, 'packages/db/test/races.test.ts'],
  },
]

const mutate = ({ name, file, after = '', from, to = '' }, text) => {
  const begin = text.indexOf(after)
  const at = text.indexOf(from, begin)
  if (begin < 0 || at < 0)
    throw new Error(`"${name}" does not stand in ${file} any more: change scripts/mutations.mjs with it`)
  return text.slice(0, at) + to + text.slice(at + from.length)
}

/** The names of the tests that fail. */
const failing = (tests) => {
  const folder = mkdtempSync(join(tmpdir(), 'spark-mutation-'))
  const report = join(folder, 'report.json')
  try {
    spawnSync(
      process.execPath,
      [
        'node_modules/vitest/vitest.mjs',
        'run',
        '--project',
        'integration',
        '--reporter=json',
        `--outputFile=${report}`,
        ...tests,
      ],
      { cwd: root, stdio: 'ignore' },
    )
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
    return testResults.flatMap(({ name, message, assertionResults }) => {
      const failed = assertionResults.filter(({ status }) => status === 'failed').map(({ title }) => title)
      return failed.length > 0 || message === '' ? failed : [`${name.replace(root, '')} as a whole`]
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

// All texts are looked for first, so that a run does not stop half-way.
for (const mutation of mutations) mutate(mutation, readFileSync(join(root, mutation.file), 'utf8'))

let unnoticed = 0
for (const mutation of mutations.filter(({ name }) => name.includes(process.argv[2] ?? ''))) {
  const path = join(root, mutation.file)
  const original = readFileSync(path, 'utf8')
  const changed = mutate(mutation, original)
  const restore = () => writeFileSync(path, original)
  const interrupted = () => {
    restore()
    process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupted)
  try {
    writeFileSync(path, changed)
    const names = failing(mutation.tests)
    if (names.length === 0) unnoticed++
    console.log(
      `${names.length === 0 ? 'NOT NOTICED' : 'noticed'}: without ${mutation.name} (${mutation.file})${names.map((name) => `\n    ${name}`).join('')}`,
    )
  } finally {
    restore()
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupted)
  }
}
process.exitCode = unnoticed > 0 ? 1 : 0
