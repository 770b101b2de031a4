import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshDatabase, startTemporaryServer } from '@automagik-spark/db/testing'
import pg from 'pg'
import { expect, inject, it } from 'vitest'
import { agendaSchema } from '../../src/wake-ups/agenda-pool.ts'
import { prepareWakeUps } from '../../src/wake-ups/postgres-store.ts'

/** Only these can be prepared; what else there is, such as SET and what migrations say, was carried out. */
const CAN_BE_PREPARED = /^\s*(?:--[^\n]*\n\s*)*(select|insert|update|delete|with|values)\b/i

/** Every text that the suites sent, once. */
const collected = (): string[] => {
  const folder = process.env.SPARK_COLLECTED_SQL ?? ''
  const lines = folder
    .split(':')
    .flatMap((one) => readdirSync(one).flatMap((name) => readFileSync(join(one, name), 'utf8').trim().split('\n')))
  return [...new Set(lines.map((line) => JSON.parse(line) as string))].filter((text) => CAN_BE_PREPARED.test(text)) // written by collect-sql.ts
}

/** What each text that cannot be prepared there is told, in a database as the suites have it. */
const refusals = async (adminUrl: string, texts: string[]): Promise<Map<string, string>> => {
  const database = await freshDatabase(adminUrl)
  await prepareWakeUps(database.url)
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(`SET search_path = public, ${agendaSchema(database.url)}`)
  const refused = new Map<string, string>()
  for (const text of texts) {
    await client
      .query(`PREPARE one AS ${text}`)
      .catch((error: unknown) => refused.set(text, (error as pg.DatabaseError).message)) // pg throws nothing else
    await client.query('DEALLOCATE ALL')
  }
  await client.end()
  await database.drop()
  return refused
}

it('every SQL text that the suites sent can be prepared here, if it can be on the embedded PostgreSQL', async () => {
  const texts = collected()
  // Whoever collects nothing finds nothing wrong: Prisma's texts and the four forms of the settling statement are known to be sent.
  expect(texts.filter((text) => text.includes('"public"."sources"')).length).toBeGreaterThan(3)
  const settling = texts.filter((text) => text.includes('INSERT INTO source_outcomes AS o'))
  for (const [again, large] of [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ]) {
    expect(
      settling.filter(
        (text) => text.includes('attempt_failed') === again && text.includes('INSERT INTO task_outputs') === large,
      ),
    ).not.toEqual([])
  }

  const embedded = await startTemporaryServer()
  try {
    const wrong = await refusals(embedded.url, texts) // on purpose, or about tables of a test's own
    expect(wrong.size).toBeLessThan(texts.length / 10)
    const right = texts.filter((text) => !wrong.has(text))
    expect(Object.fromEntries(await refusals(inject('postgresUrl'), right))).toEqual({})
  } finally {
    await embedded.close()
  }
})
