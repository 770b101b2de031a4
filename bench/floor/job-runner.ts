import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { Pool } from 'undici'

/**
 * What starts jobs at their time with the least that Node can do: a table of due times that is asked once a second, just after the full one,
 * two single writes for each job, one call. It ends when all are done.
 */
const env = (name: string): string => {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is missing`)
  return value
}
const concurrency = Number(env('CONCURRENCY'))
const jobs = Number(env('JOBS'))
const WARM_UP = 300
const AHEAD_MS = 3_000
const database = new pg.Pool({ connectionString: env('DATABASE_URL'), max: 10 })
const stub = new Pool(env('STUB_URL'), { connections: concurrency, pipelining: 1 })

const run = async (id: number, session_id: string): Promise<void> => {
  await database.query(`UPDATE bench_jobs SET status = 'calling' WHERE id = $1`, [id])
  const answer = await stub.request({
    path: `/api/v1/run/${env('STUB_FLOW')}?stream=false`, method: 'POST',
    headers: { 'x-api-key': env('STUB_KEY'), 'content-type': 'application/json' },
    body: JSON.stringify({ input_value: `job ${id}`, input_type: 'any', output_type: 'any', session_id }),
  })
  const output: unknown = await answer.body.json()
  await database.query(`UPDATE bench_jobs SET status = 'done', output = $2 WHERE id = $1`, [id, JSON.stringify(output)])
}
const runAll = async (ids: number[], name: string): Promise<void> => {
  const queue = [...ids]
  const runner = async () => {
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) await run(id, `${name}-${id}`)
  }
  await Promise.all(Array.from({ length: concurrency }, runner))
}

await database.query('DROP TABLE IF EXISTS bench_jobs')
await database.query('CREATE TABLE bench_jobs (id int PRIMARY KEY, due_at timestamptz NOT NULL, status text NOT NULL, output jsonb)')
await database.query(`CREATE INDEX bench_jobs_due ON bench_jobs (due_at) WHERE status = 'ready'`)
const add = (count: number, dueAt: Date) => database.query(`INSERT INTO bench_jobs SELECT i, $2, 'ready', NULL FROM generate_series(1, $1::int) i`, [count, dueAt])

await add(WARM_UP, new Date())
await runAll(Array.from({ length: WARM_UP }, (_, i) => i + 1), 'warm-up')
await database.query('TRUNCATE bench_jobs')
const dueMs = Math.ceil((Date.now() + AHEAD_MS) / 1_000) * 1_000
await add(jobs, new Date(dueMs))
await database.query('ANALYZE bench_jobs')
process.stdout.write(`ready ${dueMs}\n`)

let done = 0
while (done < jobs) {
  await sleep(1_000 - (Date.now() % 1_000))
  const { rows } = await database.query<{ id: number }>(
    `UPDATE bench_jobs SET status = 'claimed' WHERE id = ANY (ARRAY(
       SELECT id FROM bench_jobs WHERE status = 'ready' AND due_at <= now() ORDER BY due_at, id FOR UPDATE SKIP LOCKED)) RETURNING id`,
  )
  await runAll(rows.map(({ id }) => id), 'floor')
  done += rows.length
}
await database.query('DROP TABLE bench_jobs')
await Promise.all([database.end(), stub.close()])
