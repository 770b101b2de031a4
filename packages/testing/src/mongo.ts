import { randomBytes } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildFerretDb, startFerretDb } from './ferretdb.ts'
import { packageRoot } from './package-root.ts'

export type MongoOptions = {
  /** A Mongo server to use as it is, with a database of its own: what MONGODB_URI holds. */
  mongodbUri?: string | undefined
  /** An empty database of its own, for the server of `mongo/`, which keeps its data in PostgreSQL. */
  postgresUrl?: string | undefined
  /** Where to look for `mongod` and `go`: the PATH unless given. */
  path?: string | undefined
  /** Whether `mongod` may be downloaded when nothing else is left. */
  download?: boolean
  /** Gets a line now and then while something long goes on. */
  progress?: (line: string) => void
}
export type MongoBackend = 'given' | 'mongod' | 'ferretdb' | 'memory-server'
export type MongoForTests = { uri: string; backend: MongoBackend; close: () => Promise<void> }
export type NoMongo = { uri: null; reason: string }

const cacheFolder = fileURLToPath(new URL('node_modules/.cache/', packageRoot))

/**
 * A real server of MongoDB's protocol: the given one, else `mongod`, else our Go module on PostgreSQL, else a downloaded `mongod`.
 * Whatever was started ends with `close`, and also when this process is killed.
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

/** For tests that need Mongo: null, with the reason on stderr, lets them be skipped; in CI they fail instead. */
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

/** Builds ahead what `startMongo` would have to build: with a cold cache that takes minutes, more than a test's hook may. */
export const prepareMongo = async (options: Omit<MongoOptions, 'postgresUrl'> = {}): Promise<void> => {
  const { mongodbUri, path = process.env.PATH ?? '', progress = toStderr } = options
  const go = findGo(path)
  if (mongodbUri || go === null || findProgram('mongod', path) !== null) return
  await buildFerretDb(go, cacheFolder, progress).catch((error: unknown) => progress(messageOf(error)))
}

const ownName = (): string => `spark_test_${randomBytes(6).toString('hex')}`

/** The URI of another database on the same server. */
export const withDatabase = (mongodbUri: string, name: string): string => {
  // Not by the URL class: a URI may name several hosts. A user is looked up where the given URI says, in its database by default.
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

/** `mongodb-memory-server` runs either a `mongod` that is there or one that it downloads, and kills it when we are gone. */
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

// Go's archive is unpacked there by its manual, and whether the PATH names it is left to the user.
const findGo = (path: string): string | null => findProgram('go', path) ?? findProgram('go', '/usr/local/go/bin')

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message.replace(/\s+/g, ' ') : String(error)
const toStderr = (line: string): void => void process.stderr.write(`[mongo for tests] ${line}\n`)
