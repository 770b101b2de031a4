import { migrate } from '@automagik-spark/db'
import { agendaSchema, makeAgendaPool } from './queue/agenda-pool.ts'
import { prepareWakeUps } from './queue/postgres-wake-store.ts'

/** All that needs the right to make tables, so that the processes can run under a role without it. */
export const prepareDatabase = async ({
  url,
  mongodb_uri,
}: {
  url: string
  mongodb_uri: string | null
}): Promise<{ applied: string[] }> => {
  const migrated = await migrate({ url })
  if (mongodb_uri !== null) return migrated
  const pool = makeAgendaPool({ databaseUrl: url, max: 1, onError: () => undefined }) // told by the statement that it belongs to
  try {
    await prepareWakeUps(pool, agendaSchema(url))
  } finally {
    await pool.end()
  }
  return migrated
}
