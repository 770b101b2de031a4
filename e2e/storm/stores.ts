import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startEmbedded } from '@automagik-spark/embedded-postgres'
import { requireMongo, startFaultProxy } from '@automagik-spark/testing'
import { MongoClient } from 'mongodb'
import pg from 'pg'

type Faults = NonNullable<Parameters<typeof startFaultProxy>[1]>
const placeOf = (url: string, port: number) => ({
  host: new URL(url).hostname,
  port: Number(new URL(url).port) || port,
})
const through = (url: string, { host, port }: { host: string; port: number }) => {
  const other = new URL(url)
  other.hostname = host
  other.port = String(port)
  return other.href
}

/** PostgreSQL as the product runs it, behind a network that can fail. */
export const openPostgres = async (dir: string, faults: Faults) => {
  chmodSync(dir, 0o711) // root's PostgreSQL runs as another user, who must get through
  const options = { dataDir: join(dir, 'postgres'), systemDir: join(dir, 'system') }
  let server = await startEmbedded(options)
  const direct = server.url
  const proxy = await startFaultProxy(placeOf(direct, 5432), faults)
  return {
    direct,
    url: through(direct, proxy),
    proxy,
    /** As if its power was cut, and on again. */
    async crash() {
      const [pid] = readFileSync(join(options.dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')
      process.kill(Number(pid), 'SIGQUIT')
      await server.close()
      server = await startEmbedded(options)
      if (server.url !== direct) throw new Error('PostgreSQL came back at another address')
    },
    /** What it logged of deadlocks: which statements waited for each other. */
    deadlocks: () =>
      readFileSync(join(options.dataDir, 'postgres.log'), 'utf8')
        .split('\n')
        .flatMap((line, i, lines) =>
          line.includes('deadlock detected') ? [lines.slice(i + 1, i + 6).join('\n')] : [],
        ),
    async close() {
      await proxy.close()
      await server.close()
    },
  }
}

const DATABASE = 'storm'
const WAKE_UPS = 'spark_agenda_jobs'

/** The store of wake-ups in MongoDB, or a server that speaks its protocol; null when none is to be had. */
export const openMongoStore = async (dir: string, faults: Faults) => {
  const postgres = await startEmbedded({
    dataDir: join(dir, 'mongo'),
    systemDir: join(dir, 'system'),
    settings: { fsync: 'off' },
  })
  const admin = new pg.Client({ connectionString: postgres.url })
  await admin.connect()
  await admin.query('CREATE DATABASE mongo')
  await admin.end()
  const postgresUrl = new URL(postgres.url)
  postgresUrl.pathname = '/mongo'
  const start = () =>
    requireMongo({
      ci: process.env.CI !== undefined,
      mongodbUri: process.env.MONGODB_URI,
      postgresUrl: postgresUrl.href,
    })
  let server = await start()
  if (!server) {
    await postgres.close()
    return null
  }
  const own = (uri: string) => {
    const named = new URL(uri)
    named.pathname = `/${DATABASE}`
    return named.href
  }
  const proxy = await startFaultProxy(placeOf(server.uri, 27017), faults)
  const direct = async <T>(work: (client: MongoClient) => Promise<T>): Promise<T> => {
    const client = await MongoClient.connect(own(server!.uri), { serverSelectionTimeoutMS: 10_000 })
    try {
      return await work(client)
    } finally {
      await client.close()
    }
  }
  return {
    uri: own(through(server.uri, proxy)),
    proxy,
    async restart() {
      await proxy.shut()
      await server?.close()
      server = await start()
      if (!server) throw new Error('the Mongo server did not come back')
      proxy.lead(placeOf(server.uri, 27017))
      await proxy.open()
    },
    empty: () => direct(async (client) => void (await client.db().collection(WAKE_UPS).deleteMany({}))),
    armed: (from: Date, to: Date) =>
      direct(async (client) =>
        (
          await client
            .db()
            .collection(WAKE_UPS)
            .find({ name: 'wake', nextRunAt: { $gte: from, $lt: to } })
            .toArray()
        ).map((doc) => doc.nextRunAt as Date),
      ),
    async close() {
      await proxy.close()
      await server?.close()
      await postgres.close()
    },
  }
}
