import { getCreateIndexesSQL, getCreateTableSQL, PostgresJobRepository } from '@agendajs/postgres-backend'
import type { Clock } from '@automagik-spark/core'
import type { Pool } from 'pg'
import { announcement } from './agenda-notifications.ts'
import { agendaSchema, makeAgendaPool } from './agenda-pool.ts'
import { WAKE, type WakeStore } from './store.ts'

const TABLE = 'agenda_jobs'
const UNIQUE = 'agenda_jobs_wake_idx'

// Several processes start at once, and PostgreSQL's own IF NOT EXISTS races ("tuple concurrently updated").
// Sent as one text this is one transaction, so the index, made last, says that all is there.
// A running job has no next_run_at and two nulls are never equal: its second can be armed again.
const create = (schema: string) =>
  [
    `SELECT pg_advisory_xact_lock(hashtext('${schema}'))`,
    `CREATE SCHEMA IF NOT EXISTS "${schema}"`,
    getCreateTableSQL(TABLE).trim().replace(/;$/, ''),
    ...getCreateIndexesSQL(TABLE),
    `CREATE UNIQUE INDEX IF NOT EXISTS ${UNIQUE} ON ${TABLE} (next_run_at) WHERE name = '${WAKE}'`,
  ].join(';\n')

const INSERT = `
  WITH added AS (
    INSERT INTO ${TABLE} (name, next_run_at, data)
    SELECT '${WAKE}', second::timestamptz, jsonb_build_object('second', second) FROM unnest($1::text[]) AS second
    ON CONFLICT (next_run_at) WHERE name = '${WAKE}' DO NOTHING
    RETURNING 1)
  SELECT pg_notify($2, $3) FROM (SELECT count(*) AS count FROM added) AS result WHERE count > 0 AND $4`

const WAITING = `SELECT next_run_at FROM ${TABLE} WHERE name = '${WAKE}' AND disabled = FALSE AND next_run_at >= $1 AND next_run_at < $2 ORDER BY next_run_at`

type Deps = { pool: Pool; schema: string; clock: Clock }

/** Makes what is missing, which a role without the right to make anything cannot: `db migrate` does it, too. */
const makeMissing = async (pool: Pool, schema: string): Promise<void> => {
  const found = await pool.query<{ ready: boolean }>('SELECT to_regclass($1) IS NOT NULL AS ready', [
    `"${schema}".${UNIQUE}`,
  ])
  if (!found.rows[0]?.ready) await pool.query(create(schema))
}

export const makePostgresWakeStore = ({ pool, schema, clock }: Deps): WakeStore => ({
  backend: 'postgres',
  jobs: new PostgresJobRepository({ pool, tableName: TABLE, ensureSchema: false }),
  prepare: () => makeMissing(pool, schema),
  async ping() {
    // Of the table: it fails when that is gone, and is made again.
    await pool.query(`SELECT 1 FROM ${TABLE} LIMIT 1`)
  },
  async insert(seconds, announce) {
    await pool.query(INSERT, [seconds.map((second) => second.toISOString()), ...announcement(clock.now()), announce])
  },
  async waiting(from, to) {
    const found = await pool.query<{ next_run_at: Date }>(WAITING, [from, to])
    return found.rows.map((row) => row.next_run_at)
  },
  async started(id, at) {
    await pool.query(`UPDATE ${TABLE} SET next_run_at = NULL, last_run_at = $2 WHERE id = $1`, [id, at])
  },
  close: () => pool.end(),
})

/** Makes Agenda's table ahead of the processes, so that they can run under a role that may make nothing. */
export const prepareWakeUps = async (databaseUrl: string): Promise<void> => {
  const pool = makeAgendaPool({ databaseUrl, max: 1, onError: () => undefined }) // told by the statement that it belongs to
  try {
    await makeMissing(pool, agendaSchema(databaseUrl))
  } finally {
    await pool.end()
  }
}
