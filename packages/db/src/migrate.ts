import pg from 'pg'
import { searchPath } from './address.ts'
import { DatabaseError } from './database-error.ts'
import { type Migration, migrationList, readMigrations, readOldMigrations } from './migration-files.ts'
import type { History, KnownMigrations, MigrationStatus } from './migration-history.ts'
import { checkHistory, isCurrent, readHistory } from './migration-history.ts'
import { replaceOldMigrations } from './replace-old-migrations.ts'
import { withSchemaEngine } from './schema-engine.ts'
import { verifyServer } from './verify-server.ts'

type StatusOptions = {
  url: string
  /** Other migrations than this package's; tests have their own. */
  migrations?: Migration[]
  /** Other old migrations than this package's; with `migrations`, none by default. */
  oldMigrations?: Migration[]
}

/** Held by the process that migrates, for as long as it takes; any number that nobody else uses ('spark' in ASCII). */
const LOCK = 0x737061726b
const FILTERS = { externalTables: [], externalEnums: [] }

const withClient = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'spark-migrate',
    connectionTimeoutMillis: 10_000,
  })
  client.on('error', () => {}) // the query that it belongs to throws it, too
  await client.connect()
  try {
    const first = searchPath(url)
    if (first !== '') await client.query(first)
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

const knownMigrations = async ({ migrations, oldMigrations }: StatusOptions): Promise<KnownMigrations> => ({
  ours: migrations ?? (await readMigrations()),
  old: oldMigrations ?? (migrations ? [] : await readOldMigrations()),
})

export const migrationStatus = (options: StatusOptions): Promise<MigrationStatus> =>
  withClient(options.url, async (client) => {
    const known = await knownMigrations(options)
    const { status } = await readHistory(client, known)
    if (status.failed.length === 0) return status
    // A migration that another process applies right now is started and not finished, too.
    const { rows } = await client.query<{ free: boolean }>('select pg_try_advisory_lock($1) as free', [LOCK])
    return rows[0]?.free ? (await readHistory(client, known)).status : { ...status, failed: [] }
  })

/**
 * Marks a migration as done in its own transaction, so that a process killed in between leaves both or neither. A script that builds an
 * index CONCURRENTLY cannot have a transaction, and is alone in its file.
 */
const FINISH =
  'update _prisma_migrations set finished_at = clock_timestamp() where finished_at is null and rolled_back_at is null'
const finishing = (ours: Migration[]) => (script: string) =>
  ours.some(({ sql }) => sql === script) && !/\bconcurrently\b/i.test(script) ? `${script}\n;${FINISH}` : script

const mayNotChange = (cause: unknown): DatabaseError =>
  new DatabaseError(
    'The role in DATABASE_URL may not change the schema: run automagik-spark db migrate as a role that may, or give it CREATE on database and schema.',
    { cause },
  )

const apply = (url: string, { failed }: MigrationStatus, migrations: Migration[]): Promise<string[]> =>
  withSchemaEngine({ url, wrap: finishing(migrations) }, async ({ engine, scriptError }) => {
    const migrationsList = await migrationList(migrations)
    try {
      for (const migrationName of failed) await engine.markMigrationRolledBack({ migrationName })
      return (await engine.applyMigrations({ migrationsList, filters: FILTERS })).appliedMigrationNames
    } catch (cause) {
      const { code, message } = cause as Error & { code?: string } // the engine throws errors only
      if (/permission denied/i.test(`${scriptError()?.message} ${message}`)) throw mayNotChange(cause)
      if (code === 'P3005')
        throw new DatabaseError(
          "The database isn't empty and has no migrations of Spark: give Spark a database of its own.",
          { cause },
        )
      const reason = scriptError()
      const name = /migration_name="([^"]+)"/.exec(message)?.[1]
      if (reason && name)
        throw new DatabaseError(`Migration ${name} failed and was undone: ${reason.message}.`, { cause: reason })
      throw cause
    }
  })

/**
 * Applies the old migrations that a database made before 0.1.0 lacks, and replaces them by `init`. A process that dies in between leaves a
 * database on which the next call goes on.
 */
const bringUpOld = async (client: pg.Client, url: string, { oldStatus }: History, { ours, old }: KnownMigrations) => {
  const init = ours[0]
  if (!init) throw new Error('old migrations need one that replaces them')
  const applied = isCurrent(oldStatus) ? [] : await apply(url, oldStatus, old)
  try {
    await replaceOldMigrations(client, old, init)
  } catch (error) {
    throw (error as pg.DatabaseError).code === '42501' ? mayNotChange(error) : error // insufficient_privilege
  }
  return [...applied, init.name]
}

/**
 * Brings the database to this version's schema; with nothing to do, one query. Any number of processes may call it at once: one works, the
 * others wait for it.
 */
export const migrate = (options: StatusOptions & { log?: (message: string) => void }): Promise<{ applied: string[] }> =>
  withClient(options.url, async (client) => {
    const { url, log = () => {} } = options
    await verifyServer(client, url, log)
    const known = await knownMigrations(options)
    let history = await readHistory(client, known)
    if (!isCurrent(history.status)) {
      await client.query('select pg_advisory_lock($1)', [LOCK])
      history = await readHistory(client, known)
    }
    checkHistory(history, known, log)
    const applied: string[] = []
    if (history.isOld && !isCurrent(history.status)) {
      applied.push(...(await bringUpOld(client, url, history, known)))
      history = await readHistory(client, known)
    }
    if (!isCurrent(history.status)) applied.push(...(await apply(url, history.status, known.ours)))
    if (applied.length > 0) log(`Database schema brought up to date: ${applied.join(', ')}`)
    return { applied }
  })
