import type pg from 'pg'
import { DatabaseError } from './database-error.ts'
import type { Migration } from './migration-files.ts'

export type MigrationStatus = {
  applied: string[]
  pending: string[]
  /** Applied, but not among ours: a newer version of Spark was here. */
  unknown: string[]
  /** Started and not finished. Nothing of them is in the database; `migrate` tries them again. */
  failed: string[]
}

/** What a version of Spark knows: today's migrations, and those of databases made before 0.1.0. */
export type KnownMigrations = { ours: Migration[]; old: Migration[] }

export type History = {
  /** An old migration is applied or failed: all old ones come first, then ours. */
  isOld: boolean
  status: MigrationStatus
  oldStatus: MigrationStatus
}

type Row = { name: string; finished: boolean }

const readRows = async (client: pg.ClientBase): Promise<Row[]> => {
  try {
    const text =
      'select migration_name as name, finished_at is not null as finished from _prisma_migrations where rolled_back_at is null order by started_at'
    return (await client.query<Row>(text)).rows
  } catch (error) {
    if ((error as pg.DatabaseError).code !== '42P01') throw error // else no migration was ever applied
    return []
  }
}

const statusOf = (rows: Row[], known: Migration[]): MigrationStatus => {
  const names = known.map(({ name }) => name)
  const done = rows.filter(({ finished }) => finished).map(({ name }) => name)
  const applied = names.filter((name) => done.includes(name))
  return {
    applied,
    pending: names.filter((name) => !applied.includes(name)),
    unknown: done.filter((name) => !names.includes(name)),
    failed: rows.filter(({ name, finished }) => !finished && !done.includes(name)).map(({ name }) => name),
  }
}

export const readHistory = async (client: pg.ClientBase, { ours, old }: KnownMigrations): Promise<History> => {
  const rows = await readRows(client)
  const isOld = rows.some((row) => old.some(({ name }) => name === row.name))
  return { isOld, status: statusOf(rows, isOld ? [...old, ...ours] : ours), oldStatus: statusOf(rows, old) }
}

export const isCurrent = ({ pending, failed }: MigrationStatus): boolean => pending.length === 0 && failed.length === 0

/** Stops where migrations are pending although a newer version was here: its migrations and ours do not follow one another. */
export const checkHistory = (
  { status: { pending, unknown, failed } }: History,
  { ours, old }: KnownMigrations,
  log: (message: string) => void,
): void => {
  const stranger = failed.find((failure) => ![...old, ...ours].some(({ name }) => name === failure))
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
