import { startEmbedded } from '@automagik-spark/embedded-postgres'
import { requireMongo } from '@automagik-spark/testing'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { removeDir, tempDir } from './spark.ts'

export type E2eMongo = { uri: string; wakeUps: () => Promise<Date[]>; close: () => Promise<void> }

/** A server of MongoDB's protocol; the one that keeps its data in PostgreSQL gets a PostgreSQL of its own. Null: none is to be had here. */
export const openMongo = async (): Promise<E2eMongo | null> => {
  const dir = tempDir()
  const postgres = await startEmbedded({ dataDir: dir, settings: { fsync: 'off' } })
  const url = new URL(postgres.url)
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  await client.query('CREATE DATABASE mongo')
  await client.end()
  url.pathname = '/mongo'
  const closePostgres = async () => {
    await postgres.close()
    removeDir(dir)
  }
  const mongo = await requireMongo({
    ci: process.env.CI !== undefined,
    mongodbUri: process.env.MONGODB_URI,
    postgresUrl: url.href,
  })
  if (!mongo) {
    await closePostgres()
    return null
  }
  return {
    uri: mongo.uri,
    async wakeUps() {
      const mongoClient = await MongoClient.connect(mongo.uri)
      try {
        const docs = await mongoClient.db().collection('spark_agenda_jobs').find({ name: 'wake' }).toArray()
        return docs.map((doc) => doc.nextRunAt as Date)
      } finally {
        await mongoClient.close()
      }
    },
    async close() {
      await mongo.close()
      await closePostgres()
    },
  }
}
