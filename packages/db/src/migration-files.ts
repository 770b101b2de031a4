import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MigrationList } from '@prisma/schema-engine-wasm/schema_engine_bg'

// From src as from dist, which tsup keeps flat, the package's root is one folder up.
const PRISMA = fileURLToPath(new URL('../prisma', import.meta.url))
export const MIGRATIONS = join(PRISMA, 'migrations')
export const SCHEMA = join(PRISMA, 'schema.prisma')

export type Migration = { name: string; sql: string }

/** In the order in which they are applied: their names begin with a time. */
export const readMigrations = async (): Promise<Migration[]> => {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  return Promise.all(
    names.map(async (name) => ({ name, sql: await readFile(join(MIGRATIONS, name, 'migration.sql'), 'utf8') })),
  )
}

/** As the schema engine takes them. */
export const migrationList = async (migrations: Migration[]): Promise<MigrationList> => ({
  baseDir: MIGRATIONS,
  lockfile: { path: 'migration_lock.toml', content: await readFile(join(MIGRATIONS, 'migration_lock.toml'), 'utf8') },
  shadowDbInitScript: '',
  migrationDirectories: migrations.map(({ name, sql }) => ({
    path: name,
    migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
  })),
})
