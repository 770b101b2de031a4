import pg from 'pg'
import { expect, inject, it } from 'vitest'
import { compareCatalogs, readCatalog } from '../src/catalog.ts'
import { readSqlFiles } from '../src/migration-files.ts'
import { freshDatabase } from '../src/testing.ts'

it('prisma/sql has exactly the functions and triggers that the migrations make', async () => {
  const database = await freshDatabase(inject('postgresUrl'))
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    const migrated = await readCatalog(client)
    await client.query('BEGIN')
    const { rows } = await client.query<{ drop: string }>(
      `SELECT format('DROP FUNCTION %s CASCADE', oid::regprocedure) AS drop FROM pg_proc WHERE pronamespace = current_schema()::regnamespace`,
    )
    for (const { drop } of rows) await client.query(drop)
    for (const { sql } of await readSqlFiles()) await client.query(sql)
    expect(
      compareCatalogs(await readCatalog(client), migrated),
      'repeat the file of prisma/sql in a new migration',
    ).toEqual([])
  } finally {
    await client.end()
    await database.drop()
  }
})
