import { MongoJobRepository } from '@agendajs/mongo-backend'
import type { Clock } from '@automagik-spark/core'
import { MongoBulkWriteError, MongoClient, ObjectId } from 'mongodb'
import type { Pool } from 'pg'
import { announcement } from './agenda-notifications.ts'
import { WAKE, type WakeStore } from './store.ts'

const COLLECTION = 'spark_agenda_jobs'
const DUPLICATE_KEY = 11000

/**
 * A job as Agenda writes it, and the unique `slot`: the second while the job waits, its own id while it runs, so that its second can be
 * armed again. A partial index would do the same, but not every server that speaks MongoDB's protocol has them.
 */
type WakeDoc = {
  name: string
  type: 'normal'
  priority: number
  nextRunAt: Date | null
  lockedAt: Date | null
  lastRunAt: Date | null
  disabled: boolean
  data: { second: string }
  slot: string
}

const toDoc = (second: Date): WakeDoc => ({
  name: WAKE,
  type: 'normal',
  priority: 0,
  nextRunAt: second,
  lockedAt: null,
  lastRunAt: null,
  disabled: false,
  data: { second: second.toISOString() },
  slot: second.toISOString(),
})

const isOnlyDuplicates = (error: unknown): boolean =>
  error instanceof MongoBulkWriteError &&
  [error.writeErrors].flat().every(({ code }) => code === DUPLICATE_KEY) &&
  error.result.getWriteConcernError() === undefined

type Deps = { mongodbUri: string; pool: Pool; clock: Clock; onError: (error: Error) => void }

/** Jobs are in MongoDB; they are announced through PostgreSQL, so MongoDB needs no replica set. */
export const makeMongoWakeStore = ({ mongodbUri, pool, clock, onError }: Deps): WakeStore => {
  const client = new MongoClient(mongodbUri, {
    appName: 'spark-agenda',
    maxPoolSize: 4,
    serverSelectionTimeoutMS: 2_000,
    connectTimeoutMS: 5_000,
    socketTimeoutMS: 8_000,
  })
  client.on('error', onError)
  const db = client.db()
  const collection = db.collection<WakeDoc>(COLLECTION)
  const jobs = new MongoJobRepository({ mongo: db, db: { collection: COLLECTION } })

  return {
    backend: 'mongodb',
    jobs,
    async prepare() {
      await jobs.connect()
      await collection.createIndex({ slot: 1 }, { name: 'wake', unique: true })
    },
    async ping() {
      await db.command({ ping: 1 })
    },
    async insert(seconds, announce) {
      try {
        await collection.insertMany(seconds.map(toDoc), { ordered: false })
      } catch (error) {
        if (!isOnlyDuplicates(error)) throw error
      }
      if (announce) await pool.query('SELECT pg_notify($1, $2)', announcement(clock.now()))
    },
    async waiting(from, to) {
      const found = await collection
        .find({ name: WAKE, nextRunAt: { $gte: from, $lt: to } }, { projection: { _id: 0, nextRunAt: 1 } })
        .toArray()
      return found.flatMap(({ nextRunAt }) => nextRunAt ?? []).sort((a, b) => a.getTime() - b.getTime())
    },
    async started(id, at) {
      await collection.updateOne({ _id: new ObjectId(id) }, { $set: { nextRunAt: null, lastRunAt: at, slot: id } })
    },
    async close() {
      await Promise.allSettled([client.close(true), pool.end()])
    },
  }
}
