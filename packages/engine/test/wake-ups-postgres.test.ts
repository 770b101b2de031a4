import { query, wakeUpsSuite } from './wake-ups-suite.ts'

wakeUpsSuite('postgres', async (databaseUrl) => ({
  urls: { databaseUrl },
  count: async () => Number((await query(databaseUrl, 'SELECT count(*) FROM spark_agenda.agenda_jobs'))[0]?.['count']),
  empty: async () => void (await query(databaseUrl, 'DELETE FROM spark_agenda.agenda_jobs')),
  remove: async () => void (await query(databaseUrl, 'DROP SCHEMA spark_agenda CASCADE')),
  lockLongAgo: async () => void (await query(databaseUrl, `UPDATE spark_agenda.agenda_jobs SET locked_at = 'epoch'`)),
  close: async () => {},
}))
