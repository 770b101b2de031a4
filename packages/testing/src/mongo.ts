import { randomBytes } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildFerretDb, startFerretDb } from './ferretdb.ts'
import type { MongoBackend, MongoForTests } from './mongo-for-tests.ts'
import { packageRoot } from './package-root.ts'

export type MongoOptions = {
  /** A running Mongo server, of which a new database is used: the value of MONGODB_URI. */
  mongodbUri?: string | undefined
  /** An empty database for the server of `mongo/`, which stores its data in PostgreSQL. */
  postgresUrl?: string | undefined
  /** Folders with `mongod` and `go`; by default the PATH. */
  path?: string | undefined
  /** Whether `mongod` may be downloaded when there is no other way. */
  download?: boolean
  /** Gets a line of progress now and then. */
  progress?: (line: string) => void
}
export type NoMongo = { uri: null; reason: string }

const cacheFolder = fileURLToPath(new URL('node_modules/.cache/', packageRoot))

/**
 * A real server of MongoDB's protocol: the given one, else `mongod`, else our Go module on PostgreSQL, else a downloaded `mongod`. A server that
 * was started here ends with `close`, and also when this process is killed.
 */
export const startMongo = async (options: MongoOptions): Promise<MongoForTests | NoMongo> => {
  const { mongodbUri, postgresUrl, path = process.env.PATH ?? '', download = true, progress = toStderr } = options
  if (mongodbUri) return given(mongodbUri)

  const reasons: string[] = []
  const attempt = async (what: string, start: () => Promise<MongoForTests>): Promise<MongoForTests | null> => {
    try {
      return await start()
    } catch (error) {
      reasons.push(`${what}: ${messageOf(error)}`)
      return null
    }
  }
  const mongod = findProgram('mongod', path)
  const go = findGo(path)
  const started =
    (await attempt('mongod', () => {
      if (mongod === null) throw new Error('not on the PATH')
      return memoryServer('mongod', mongod, progress)
    })) ??
    (await attempt('FerretDB', () => {
      if (go === null) throw new Error('Go is not there to build it')
      if (postgresUrl === undefined) throw new Error('no PostgreSQL URL was given')
      return startFerretDb({ go, postgresUrl, cacheFolder, progress, database: ownName() })
    })) ??
    (await attempt('download of mongod', () => {
      if (!download) throw new Error('not wanted')
      return memoryServer('memory-server', null, progress)
    }))
  return started ?? { uri: null, reason: `no Mongo server could be had (${reasons.join('; ')})` }
}

/** For tests that need Mongo. Null, with the reason on stderr: they are skipped. In CI it throws instead. */
export const requireMongo = async ({
  ci,
  ...options
}: MongoOptions & { ci: boolean }): Promise<MongoForTests | null> => {
  const mongo = await startMongo(options)
  if (mongo.uri !== null) return mongo
  if (ci) throw new Error(`In CI no test may be skipped: ${mongo.reason}`)
  ;(options.progress ?? toStderr)(`skipped: ${mongo.reason}`)
  return null
}

/** Builds what `startMongo` needs: with a cold cache that takes minutes, longer than a test's hook may. */
export const prepareMongo = async (options: Omit<MongoOptions, 'postgresUrl'> = {}): Promise<void> => {
  const { mongodbUri, path = process.env.PATH ?? '', progress = toStderr } = options
  const go = findGo(path)
  if (mongodbUri || go === null || findProgram('mongod', path) !== null) return
  await buildFerretDb(go, cacheFolder, progress).catch((error: unknown) => progress(messageOf(error)))
}

const ownName = (): string => `spark_test_${randomBytes(6).toString('hex')}`

/** The URI of another database on the same server. */
export const withDatabase = (mongodbUri: string, name: string): string => {
  // Not with the URL class, as a URI may name several hosts. The user stays in the database that the given URI names.
  const [, start = '', database = '', query = ''] =
    /^(mongodb(?:\+srv)?:\/\/[^/?]+)\/?([^?]*)\??(.*)$/.exec(mongodbUri) ?? []
  const source =
    database !== '' && start.includes('@') && !/(^|&)authSource=/i.test(query) ? `authSource=${database}` : ''
  const params = [query, source].filter((part) => part !== '').join('&')
  return `${start}/${name}${params === '' ? '' : `?${params}`}`
}

const given = (mongodbUri: string): MongoForTests => {
  const uri = withDatabase(mongodbUri, ownName())
  return {
    uri,
    backend: 'given',
    async close() {
      const { MongoClient } = await import('mongodb')
      const client = new MongoClient(uri)
      try {
        await client.db().dropDatabase()
      } finally {
        await client.close()
      }
    },
  }
}

/** `mongodb-memory-server` runs an installed `mongod` or downloads one, and kills it when this process ends. */
const memoryServer = async (
  backend: MongoBackend,
  mongod: string | null,
  progress: (line: string) => void,
): Promise<MongoForTests> => {
  const { MongoMemoryServer } = await import('mongodb-memory-server')
  if (mongod === null) progress('downloading mongod (once)')
  const server = await MongoMemoryServer.create({
    binary: mongod === null ? { downloadDir: join(cacheFolder, 'mongod') } : { systemBinary: mongod, checkMD5: false },
  })
  return { uri: server.getUri(ownName()), backend, close: async () => void (await server.stop()) }
}

const findProgram = (name: string, path: string): string | null => {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, process.platform === 'win32' ? `${name}.exe` : name)
    try {
      if (folder === '') continue
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // not here
    }
  }
  return null
}

// Go's manual unpacks it there, and leaves it to the user to add it to the PATH.
const findGo = (path: string): string | null => findProgram('go', path) ?? findProgram('go', '/usr/local/go/bin')

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message.replace(/\s+/g, ' ') : String(error)
const toStderr = (line: string): void => void process.stderr.write(`[mongo for tests] ${line}\n`)
