import pg from 'pg'
import { searchPath } from './address.ts'
import { checkServer } from './check-server.ts'
import { DatabaseError } from './database-error.ts'
import { type Migration, migrationList, readMigrations } from './migration-files.ts'
import { withSchemaEngine } from './schema-engine.ts'

export type MigrationStatus = {
  applied: string[]
  pending: string[]
  /** Applied, but not among ours: a newer version of Spark was here. */
  unknown: string[]
  /** Begun and not finished. Nothing of them is in the database; `migrate` tries them again. */
  failed: string[]
}
type StatusOptions = {
  url: string
  /** Other migrations than this package's: tests have their own. */
  migrations?: Migration[]
}

/** Held by whoever migrates, for as long as it takes; any number that nobody else uses ('spark' in ASCII). */
const LOCK = 0x737061726b
const FILTERS = { externalTables: [], externalEnums: [] }

const withClient = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'spark-migrate',
    connectionTimeoutMillis: 10_000,
  })
  client.on('error', () => {}) // told by the query that it belongs to
  await client.connect()
  try {
    const first = searchPath(url)
    if (first !== '') await client.query(first)
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

const readStatus = async (client: pg.Client, migrations: Migration[]): Promise<MigrationStatus> => {
  const ours = migrations.map(({ name }) => name)
  let rows: { name: string; finished: boolean }[] = []
  try {
    const text =
      'select migration_name as name, finished_at is not null as finished from _prisma_migrations where rolled_back_at is null order by started_at'
    rows = (await client.query<{ name: string; finished: boolean }>(text)).rows
  } catch (error) {
    if ((error as pg.DatabaseError).code !== '42P01') throw error // else no migration was ever applied
  }
  const done = rows.filter(({ finished }) => finished).map(({ name }) => name)
  const applied = ours.filter((name) => done.includes(name))
  return {
    applied,
    pending: ours.filter((name) => !applied.includes(name)),
    unknown: done.filter((name) => !ours.includes(name)),
    failed: rows.filter(({ name, finished }) => !finished && !done.includes(name)).map(({ name }) => name),
  }
}

export const migrationStatus = ({ url, migrations }: StatusOptions): Promise<MigrationStatus> =>
  withClient(url, async (client) => {
    const ours = migrations ?? (await readMigrations())
    const status = await readStatus(client, ours)
    if (status.failed.length === 0) return status
    // What another process is applying right now has begun and not finished, too.
    const { rows } = await client.query<{ free: boolean }>('select pg_try_advisory_lock($1) as free', [LOCK])
    return rows[0]?.free ? readStatus(client, ours) : { ...status, failed: [] }
  })

/** Pending ones although a newer version was here: its migrations and ours don't follow one another. */
const checkHistory = (
  { pending, unknown, failed }: MigrationStatus,
  ours: Migration[],
  log: (message: string) => void,
): void => {
  const stranger = failed.find((failure) => !ours.some(({ name }) => name === failure))
  if (stranger)
    throw new DatabaseError(
      `Migration ${stranger} of another version of Spark was not finished: start that version once more.`,
    )
  if (unknown.length === 0) return
  if (pending.length > 0) {
    throw new DatabaseError(
      `The database was made by a different Spark: it has migration ${unknown.join(', ')}, which this version doesn't know, and lacks ${pending.join(', ')}; use one version, or another database.`,
    )
  }
  log(
    `The database is newer than this version of Spark (${unknown.join(', ')}): going on, since migrations keep the previous version working`,
  )
}

/**
 * Marks a migration as done in its own transaction, so that a process killed in between leaves both or neither. A script that builds an
 * index CONCURRENTLY can have no transaction, and is alone in its file.
 */
const FINISH =
  'update _prisma_migrations set finished_at = clock_timestamp() where finished_at is null and rolled_back_at is null'
const finishing = (ours: Migration[]) => (script: string) =>
  ours.some(({ sql }) => sql === script) && !/\bconcurrently\b/i.test(script) ? `${script}\n;${FINISH}` : script

const apply = (url: string, { failed }: MigrationStatus, migrations: Migration[]): Promise<string[]> =>
  withSchemaEngine({ url, wrap: finishing(migrations) }, async ({ engine, scriptError }) => {
    const migrationsList = await migrationList(migrations)
    try {
      for (const migrationName of failed) await engine.markMigrationRolledBack({ migrationName })
      return (await engine.applyMigrations({ migrationsList, filters: FILTERS })).appliedMigrationNames
    } catch (cause) {
      const { code, message } = cause as Error & { code?: string } // the engine throws errors only
      if (/permission denied/i.test(`${scriptError()?.message} ${message}`)) {
        throw new DatabaseError(
          'The role in DATABASE_URL may not change the schema: run automagik-spark db migrate as a role that may, or give it CREATE on database and schema.',
          { cause },
        )
      }
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
 * Brings the database to this version's schema; with nothing to do, one query. Any number of processes may call it at once: one works, the
 * others wait for it.
 */
export const migrate = ({
  url,
  migrations,
  log = () => {},
}: StatusOptions & { log?: (message: string) => void }): Promise<{ applied: string[] }> =>
  withClient(url, async (client) => {
    await checkServer(client, url, log)
    const isCurrent = ({ pending, failed }: MigrationStatus) => pending.length === 0 && failed.length === 0
    const ours = migrations ?? (await readMigrations())
    let status = await readStatus(client, ours)
    if (!isCurrent(status)) {
      await client.query('select pg_advisory_lock($1)', [LOCK])
      status = await readStatus(client, ours)
    }
    checkHistory(status, ours, log)
    if (isCurrent(status)) return { applied: [] }
    const applied = await apply(url, status, ours)
    log(`Database schema brought up to date: ${applied.join(', ')}`)
    return { applied }
  })
