import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { makeDb, makeQueueDb } from '../src/index.ts'
import type { TemporaryDatabase } from '../src/testing.ts'
import { freshDatabase } from '../src/testing.ts'

let database: TemporaryDatabase
beforeAll(async () => {
  database = await freshDatabase(inject('postgresUrl'))
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  // As Debian's is: what a connection doesn't say for itself comes from here.
  await client.query(`ALTER DATABASE ${new URL(database.url).pathname.slice(1)} SET jit = on`)
  await client.end()
})
afterAll(() => database.drop())

const onError = () => undefined
const setting = async (sql: { query: <Row>(text: string) => Promise<{ rows: Row[] }> }, name: string) =>
  (await sql.query<Record<string, string>>(`SHOW ${name}`)).rows[0]![name]

describe('a connection of ours', () => {
  it('compiles no statement (jit=off), whatever the server does by default', async () => {
    const db = makeDb({ url: database.url, name: 'test', onError })
    const queueDb = makeQueueDb({ url: database.url, name: 'test', onError })
    const { close, ...parts } = queueDb
    try {
      for (const sql of [db.sql, ...Object.values(parts)]) expect(await setting(sql, 'jit')).toBe('off')
    } finally {
      await close()
      await db.close()
    }
  })

  it('keeps its settings when the address has options of its own', async () => {
    const url = new URL(database.url)
    url.searchParams.set('options', '-c work_mem=5MB')
    const db = makeDb({ url: url.href, name: 'test', onError })
    try {
      expect([
        await setting(db.sql, 'work_mem'),
        await setting(db.sql, 'statement_timeout'),
        await setting(db.sql, 'jit'),
      ]).toEqual(['5MB', '5s', 'off'])
    } finally {
      await db.close()
    }
  })
})
