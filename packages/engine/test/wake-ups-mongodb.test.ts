import { randomUUID } from 'node:crypto'
import { emptyDatabase } from '@automagik-spark/db/testing'
import { requireMongo } from '@automagik-spark/testing'
import { MongoClient } from 'mongodb'
import { afterAll, describe, inject } from 'vitest'
import { type Store, wakeUpsSuite } from './wake-ups-suite.ts'

const database = await emptyDatabase(inject('postgresUrl'))
const mongo = await requireMongo({
  ci: Boolean(process.env.CI),
  mongodbUri: process.env.MONGODB_URI,
  postgresUrl: database.url,
})
afterAll(async () => {
  await mongo?.close()
  await database.drop()
})

const makeStore = async (databaseUrl: string): Promise<Store> => {
  // A database of its own for each test, as they run side by side.
  const mongodbUri = (mongo?.uri ?? '').replace(/^([^/]+\/\/[^/]+\/[^?]*)/, `$1_${randomUUID().slice(0, 8)}`)
  const client = await MongoClient.connect(mongodbUri)
  const jobs = client.db().collection('spark_agenda_jobs')
  return {
    urls: { databaseUrl, mongodbUri },
    count: () => jobs.countDocuments(),
    empty: async () => void (await jobs.deleteMany({})),
    remove: async () => void (await jobs.drop()),
    lockLongAgo: async () => void (await jobs.updateMany({}, { $set: { lockedAt: new Date(0) } })),
    async close() {
      await client.db().dropDatabase()
      await client.close()
    },
  }
}

describe.skipIf(!mongo)('with a Mongo server', () => {
  wakeUpsSuite('mongodb', makeStore)
})
