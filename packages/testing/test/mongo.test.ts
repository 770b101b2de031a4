import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { buildFerretDb } from '../src/ferretdb.ts'
import { requireMongo, startMongo } from '../src/mongo.ts'
import type { MongoForTests } from '../src/mongo-for-tests.ts'
import { packageRoot } from '../src/package-root.ts'
import { patient } from '../src/patience.ts'

const BUILD_MS = patient(15 * 60_000) // the Go module may have to be built
// A database of Mongo is a schema in the one of PostgreSQL. Each start has its own, so all can share one PostgreSQL.
const options = { mongodbUri: process.env.MONGODB_URI, postgresUrl: inject('postgresUrl') }
const mongo = await requireMongo({ ...options, ci: process.env.CI !== undefined })

const connected = async (uri: string): Promise<MongoClient> => {
  const client = await new MongoClient(uri, { serverSelectionTimeoutMS: 5_000 }).connect()
  onTestFinished(() => client.close())
  return client
}
const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
const portOf = (uri: string): number => Number(new URL(uri.replace('mongodb:', 'http:')).port)

afterAll(() => mongo?.close(), BUILD_MS)

describe.skipIf(mongo === null)('the Mongo server for tests', () => {
  const { uri } = mongo ?? { uri: '' }

  it('keeps documents, finds them, and changes one at a time', async () => {
    const jobs = (await connected(uri)).db().collection('jobs')
    await jobs.insertMany([
      { name: 'wake', at: new Date(1), locks: 0 },
      { name: 'wake', at: new Date(2), locks: 0 },
    ])
    expect(await jobs.find({ at: { $lte: new Date(1) } }).toArray()).toMatchObject([{ name: 'wake', at: new Date(1) }])
    const lock = () =>
      jobs.findOneAndUpdate({ locks: 0 }, { $set: { locks: 1 } }, { sort: { at: 1 }, returnDocument: 'after' })
    const locked = [await lock(), await lock(), await lock()]
    expect(locked).toMatchObject([{ at: new Date(1), locks: 1 }, { at: new Date(2), locks: 1 }, null])
    expect(await jobs.countDocuments({ locks: 1 })).toBe(2)
    expect(await jobs.deleteMany({})).toMatchObject({ deletedCount: 2 })
  })

  it('has indexes, and a unique one refuses duplicates', async () => {
    const jobs = (await connected(uri)).db().collection<{ second: number }>('seconds')
    await jobs.createIndex({ second: 1 }, { unique: true, name: 'one_a_second' })
    expect((await jobs.indexes()).map(({ name }) => name)).toContain('one_a_second')
    await jobs.insertOne({ second: 1 })
    await expect(jobs.insertOne({ second: 1 })).rejects.toMatchObject({ code: 11000 })
  })

  it('given by its URI, it provides a new database, which is dropped at the end', async () => {
    const lent = await startMongo({ mongodbUri: uri })
    const name = new URL((lent.uri ?? '').replace('mongodb:', 'http:')).pathname.slice(1)
    const client = await connected(uri)
    await client.db(name).collection('jobs').insertOne({ name: 'wake' })
    const names = async () => (await client.db().admin().listDatabases()).databases.map((database) => database.name)
    expect(lent).toMatchObject({ backend: 'given' })
    expect(await names()).toContain(name)
    await (lent as MongoForTests).close()
    expect(await names()).not.toContain(name)
  })
})

describe.skipIf(mongo?.backend !== 'ferretdb')('the one that is built here', () => {
  const { postgresUrl } = options
  let program = ''
  beforeAll(async () => {
    const cacheFolder = fileURLToPath(new URL('node_modules/.cache/', packageRoot))
    program = await buildFerretDb('go', cacheFolder, () => undefined) // it is built already
  }, BUILD_MS)

  it('is gone after close', async () => {
    const other = await startMongo({ postgresUrl, path: '' })
    if (other.uri === null) throw new Error(other.reason)
    expect(await isListening(portOf(other.uri))).toBe(true)
    await other.close()
    expect(await isListening(portOf(other.uri))).toBe(false)
  })

  it('is gone when the process that started it was killed', async () => {
    const start = `
      const child = require('node:child_process').spawn(process.argv[1], { stdio: ['pipe', 'inherit', 'inherit'] })
      child.stdin.write(process.argv[2] + '\\n')
      setInterval(() => undefined, 1000)`
    const parent = spawn(process.execPath, ['-e', start, program, postgresUrl], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [address] = (await once(parent.stdout, 'data')) as [Buffer]
    const port = portOf(address.toString().trim())
    expect(await isListening(port)).toBe(true)
    parent.kill('SIGKILL')
    await expect.poll(() => isListening(port), { timeout: patient(10_000) }).toBe(false)
  })

  it('says why it does not start', async () => {
    const none = await startMongo({ postgresUrl: 'postgres://127.0.0.1:1/none', path: '', download: false })
    expect(none).toMatchObject({ uri: null, reason: expect.stringMatching(/FerretDB: it ended at once: .+/) })
  })
})
