import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MigrationList } from '@prisma/schema-engine-wasm/schema_engine_bg'

// Both from src and from dist, which tsup keeps flat, the package's root is one folder up.
const PRISMA = fileURLToPath(new URL('../prisma', import.meta.url))
export const MIGRATIONS = join(PRISMA, 'migrations')
const OLD_MIGRATIONS = join(PRISMA, 'before-0.1')
const SQL_FILES = join(PRISMA, 'sql')
export const SCHEMA = join(PRISMA, 'schema.prisma')

export type Migration = { name: string; sql: string }

/** Their names begin with a time, so sorting gives the order in which they are applied. */
const readFolder = async (folder: string): Promise<Migration[]> => {
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  return Promise.all(
    names.map(async (name) => ({ name, sql: await readFile(join(folder, name, 'migration.sql'), 'utf8') })),
  )
}

export const readMigrations = (): Promise<Migration[]> => readFolder(MIGRATIONS)

/** The migrations of databases made before 0.1.0; `init`, the first of today's, makes the same schema at once. */
export const readOldMigrations = (): Promise<Migration[]> => readFolder(OLD_MIGRATIONS)

/** The functions and triggers as they are now. Nothing applies these files: migrations repeat them, and a test compares. */
export const readSqlFiles = async (): Promise<{ name: string; sql: string }[]> => {
  const names = (await readdir(SQL_FILES)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(names.map(async (name) => ({ name, sql: await readFile(join(SQL_FILES, name), 'utf8') })))
}

/** In the form that the schema engine takes. */
export const migrationList = async (migrations: Migration[]): Promise<MigrationList> => ({
  baseDir: MIGRATIONS,
  lockfile: { path: 'migration_lock.toml', content: await readFile(join(MIGRATIONS, 'migration_lock.toml'), 'utf8') },
  shadowDbInitScript: '',
  migrationDirectories: migrations.map(({ name, sql }) => ({
    path: name,
    migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
  })),
})
