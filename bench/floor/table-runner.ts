import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterFirst, env, firstDueMs, untilSigterm, WARM_UP_JOBS } from './env.ts'
import { openFlow } from './flow-call.ts'

/**
 * The floor `table`: the least that starts jobs at their time with Node. It reads a table of due times once a second, just after the full
 * second, and makes two single writes and one call for each job, until SIGTERM.
 */
const concurrency = Number(env('CONCURRENCY'))
const jobs = Number(env('JOBS'))
const database = new pg.Pool({ connectionString: env('DATABASE_URL'), max: 10 })
const flow = openFlow(concurrency)

const run = async (id: number, session_id: string): Promise<void> => {
  await database.query(`UPDATE bench_jobs SET status = 'calling' WHERE id = $1`, [id])
  const output = await flow.call(session_id)
  await database.query(`UPDATE bench_jobs SET status = 'done', output = $2 WHERE id = $1`, [id, JSON.stringify(output)])
}
const runAll = async (ids: number[], name: string): Promise<void> => {
  let next = 0
  const runner = async () => {
    for (let id = ids[next++]; id !== undefined; id = ids[next++]) await run(id, `${name}-${id}`)
  }
  await Promise.all(Array.from({ length: concurrency }, runner))
}

await database.query('DROP TABLE IF EXISTS bench_jobs')
await database.query(
  'CREATE TABLE bench_jobs (id int PRIMARY KEY, due_at timestamptz NOT NULL, status text NOT NULL, output jsonb)',
)
await database.query(`CREATE INDEX bench_jobs_due ON bench_jobs (due_at) WHERE status = 'ready'`)
const add = (count: number, firstMs: number, spreadMs: number) =>
  database.query(
    `INSERT INTO bench_jobs SELECT i, $1::timestamptz + ${afterFirst('i')}, 'ready', NULL FROM generate_series(1, $2::int) i`,
    [new Date(firstMs), count, spreadMs],
  )

await add(WARM_UP_JOBS, Date.now(), 0)
await runAll(
  Array.from({ length: WARM_UP_JOBS }, (_, i) => i + 1),
  'warm-up',
)
await database.query('TRUNCATE bench_jobs')
const first = firstDueMs(Number(env('AHEAD_MS')))
await add(jobs, first, Number(env('SPREAD_MS')))
await database.query('VACUUM (ANALYZE) bench_jobs')
process.stdout.write(`ready ${first}\n`)

const ending = new AbortController()
void untilSigterm().then(() => ending.abort())
while (!ending.signal.aborted) {
  await sleep(1_000 - (Date.now() % 1_000), undefined, { signal: ending.signal }).catch(() => undefined)
  const { rows } = await database.query<{ id: number }>(
    `UPDATE bench_jobs SET status = 'claimed' WHERE id = ANY (ARRAY(
       SELECT id FROM bench_jobs WHERE status = 'ready' AND due_at <= now() ORDER BY due_at, id FOR UPDATE SKIP LOCKED)) RETURNING id`,
  )
  await runAll(
    rows.map(({ id }) => id),
    'floor',
  )
}
await database.query('DROP TABLE bench_jobs')
await Promise.all([database.end(), flow.close()])
