import { createHash, randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import type { Catalog } from './catalog.ts'
import { compareCatalogs, readCatalog, tablesOf } from './catalog.ts'
import { DatabaseError } from './database-error.ts'
import type { Migration } from './migration-files.ts'

/** A sentence that names more differences helps nobody. */
const MOST_SHOWN = 5

const useSchema = (client: pg.ClientBase, schema: string) =>
  client.query(`SET LOCAL search_path = ${pg.escapeIdentifier(schema)}`)

/** What `init` makes on this server, in a schema of its own that is rolled back: no other version of PostgreSQL writes definitions alike. */
const catalogOf = async (client: pg.ClientBase, init: Migration): Promise<Catalog> => {
  const schema = `spark_compare_${randomBytes(8).toString('hex')}`
  await client.query('SAVEPOINT compare')
  await client.query(`CREATE SCHEMA ${schema}`)
  await useSchema(client, schema)
  await client.query(init.sql)
  const catalog = await readCatalog(client)
  await client.query('ROLLBACK TO SAVEPOINT compare')
  return catalog
}

/** Checks that were added NOT VALID, so that a migration did not read every task; reading them now stops nobody who reads or writes. */
const validateConstraints = async (client: pg.ClientBase, tables: string[]): Promise<void> => {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT format('ALTER TABLE %I VALIDATE CONSTRAINT %I', t.relname, c.conname) AS statement
     FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
     WHERE n.nspname = current_schema() AND t.relname = ANY ($1) AND NOT c.convalidated AND c.contype = 'c'`,
    [tables],
  )
  for (const { statement } of rows) await client.query(statement)
}

const checkEqual = (found: Catalog, wanted: Catalog): void => {
  const differences = compareCatalogs(found, wanted)
  if (differences.length === 0) return
  const more = differences.length > MOST_SHOWN ? `, and ${differences.length - MOST_SHOWN} more` : ''
  throw new DatabaseError(
    `The tables of this database differ from those that Spark's migrations make (${differences.slice(0, MOST_SHOWN).join(', ')}${more}): undo what was changed by hand, and start again.`,
  )
}

/**
 * Replaces the rows of the old migrations in `_prisma_migrations` by the one row of `init`, when all of them are applied and the schema is the
 * one that `init` makes. One transaction: a process that dies in it leaves everything as it was.
 */
export const replaceOldMigrations = async (client: pg.Client, old: Migration[], init: Migration): Promise<void> => {
  await client.query('BEGIN')
  try {
    const { rows } = await client.query<{ schema: string }>('SELECT current_schema() AS schema')
    const wanted = await catalogOf(client, init)
    await useSchema(client, rows[0]!.schema)
    await validateConstraints(client, tablesOf(wanted))
    checkEqual(await readCatalog(client, tablesOf(wanted)), wanted)
    await client.query('DELETE FROM _prisma_migrations WHERE migration_name = ANY ($1)', [old.map(({ name }) => name)])
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count) VALUES ($1, $2, $3, now(), now(), 1)`,
      [randomUUID(), createHash('sha256').update(init.sql).digest('hex'), init.name],
    )
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {}) // the connection may be what broke
    throw error
  }
}
