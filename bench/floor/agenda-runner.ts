import { setTimeout as sleep } from 'node:timers/promises'
import { PostgresBackend } from '@agendajs/postgres-backend'
import { Agenda } from 'agenda'
import pg from 'pg'
import { afterFirst, env, firstDueMs, untilSigterm, WARM_UP_JOBS } from './env.ts'
import { openFlow } from './flow-call.ts'

/**
 * The floor `agenda`: Agenda as its documentation shows it, with one job for each schedule. A job is the call and one write that keeps the
 * answer, beside Agenda's own writes. Only the concurrency differs from Agenda's defaults.
 */
const concurrency = Number(env('CONCURRENCY'))
const jobs = Number(env('JOBS'))
const WARM_UP_POLL_MS = 100
const SAVED_AT_ONCE = 16
const FAR_MS = 86_400_000
const TABLE = 'bench_agenda'
type Data = { id: number; session_id: string }

const database = new pg.Pool({ connectionString: env('DATABASE_URL'), max: 10 })
const flow = openFlow(concurrency)
await database.query('CREATE TABLE bench_agenda_outputs (id int PRIMARY KEY, output jsonb)')
const agenda = new Agenda({
  backend: new PostgresBackend({ pool: database, tableName: TABLE, channelName: TABLE }),
  defaultConcurrency: concurrency,
  maxConcurrency: concurrency,
})
agenda.on('error', (error: Error) => process.stderr.write(`Agenda: ${error.message}\n`))
// One parameter only: with a second one Agenda would wait for a callback.
agenda.define<Data>('call', async (job) => {
  const { id, session_id } = job.attrs.data
  await database.query('INSERT INTO bench_agenda_outputs VALUES ($1, $2)', [
    id,
    JSON.stringify(await flow.call(session_id)),
  ])
})
const save = async (count: number, name: string, at: Date): Promise<void> => {
  let next = 1
  const saver = async () => {
    for (let id = next++; id <= count; id = next++)
      await agenda.schedule<Data>(at, 'call', { id, session_id: `${name}-${id}` })
  }
  await Promise.all(Array.from({ length: SAVED_AT_ONCE }, saver))
}
const countDone = async (): Promise<number> => {
  const { rows } = await database.query<{ done: number }>(
    `SELECT count(*)::int AS done FROM ${TABLE} WHERE last_finished_at IS NOT NULL`,
  )
  return rows[0]?.done ?? 0
}

await agenda.start()
await save(WARM_UP_JOBS, 'warm-up', new Date())
while ((await countDone()) < WARM_UP_JOBS) await sleep(WARM_UP_POLL_MS)
await database.query(`DELETE FROM ${TABLE}; TRUNCATE bench_agenda_outputs`)

// Saved for another day, then moved to their due time by one statement: however long saving takes, they are due in the future.
await save(jobs, 'floor', new Date(Date.now() + FAR_MS))
const first = firstDueMs(Number(env('AHEAD_MS')))
await database.query(`UPDATE ${TABLE} SET next_run_at = $1::timestamptz + ${afterFirst(`(data->>'id')::int`)}`, [
  new Date(first),
  jobs,
  Number(env('SPREAD_MS')),
])
await database.query(`VACUUM (ANALYZE) ${TABLE}`)
process.stdout.write(`ready ${first}\n`)

await untilSigterm()
await agenda.stop()
await database.query(`DROP TABLE ${TABLE}, bench_agenda_outputs`)
await Promise.all([database.end(), flow.close()])
process.exit(0) // Agenda's timer for each job outlives the job and would keep the process alive
