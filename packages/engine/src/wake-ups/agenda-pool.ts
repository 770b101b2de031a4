import { schemaOf } from '@automagik-spark/db'
import { Pool } from 'pg'

/** Agenda's tables live in a schema of their own, where Prisma doesn't look for drift; two Sparks in one database have one each. */
export const agendaSchema = (databaseUrl: string): string => {
  const schema = schemaOf(databaseUrl)
  return schema === null || schema === 'public' ? 'spark_agenda' : `${schema}_agenda`
}

// Wake-ups may be lost, so they don't wait for the disk. A frozen worker must not keep row locks.
const settings = (schema: string) => `
  SET jit = off;
  SET search_path = "${schema}";
  SET synchronous_commit = off;
  SET statement_timeout = '5s';
  SET datestyle = 'ISO';
  SET default_transaction_isolation = 'read committed';
  SET idle_session_timeout = 0;
  SET lock_timeout = '3s';
  SET idle_in_transaction_session_timeout = '5s'`

type Options = { databaseUrl: string; max: number; onError: (error: Error) => void }

/** A few connections to PostgreSQL that outlive its restarts. */
export const makeAgendaPool = ({ databaseUrl, max, onError }: Options): Pool => {
  const first = settings(agendaSchema(databaseUrl))
  const pool = new Pool({
    connectionString: databaseUrl,
    max,
    application_name: 'spark-agenda',
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: 5_000,
    // A frozen server doesn't keep its own statement_timeout.
    query_timeout: 8_000,
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- pg waits for it, its types do not say so
    onConnect: async (client) => {
      await client.query(first)
    },
  })
  // Without a listener the end of an idle connection would end the process.
  pool.on('error', onError)
  return pool
}
