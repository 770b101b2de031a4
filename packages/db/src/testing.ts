import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '@automagik-spark/embedded-postgres'
import pg from 'pg'
import { migrate } from './migrate.ts'
import { readMigrations } from './migration-files.ts'
import { LIMITS_MS } from './sql.ts'

export { MIGRATIONS, readMigrations, readOldMigrations, readSqlFiles } from './migration-files.ts'
export { schemaDrift } from './schema-diff.ts'

export type TemporaryServer = { url: string; dir: string; close: () => Promise<void> }
export type TemporaryDatabase = { url: string; drop: () => Promise<void> }

/** A pool's limits on a machine that is so many times slower, for its `settings`. */
export const slowSettings = (times: number): Record<string, string> =>
  Object.fromEntries(Object.entries(LIMITS_MS).map(([name, ms]) => [name, `${Math.ceil(ms * times)}ms`]))

/** An advisory lock, of a number that nothing else uses: the process that makes the template holds it. */
const LOCK = 0x737061726c

const withAdmin = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const inDatabase = (url: string, name: string): string => {
  const other = new URL(url)
  other.pathname = `/${name}`
  return other.href
}

/** Removes the folder after this process has ended, also by SIGKILL or Ctrl-C, and PostgreSQL has ended, too. */
const removeAfterUs = (dir: string): ChildProcess => {
  const script =
    'read -r _; tries=0; while [ -e "$1/data/postgres/postmaster.pid" ] && [ $tries -lt 300 ]; do sleep 0.1; tries=$((tries + 1)); done; rm -rf "$1"'
  const janitor = spawn('/bin/sh', ['-c', script, 'sh', dir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  })
  janitor.unref()
  return janitor
}

/** A PostgreSQL of its own in the temp folder, which does not wait for the disk; removed when it is closed or this process ends. */
export const startTemporaryServer = async ({
  settings = {},
}: { settings?: Record<string, string> } = {}): Promise<TemporaryServer> => {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'spark-postgres-')))
  await chmod(dir, 0o755) // as root the server runs under another user
  const janitor = removeAfterUs(dir)
  const remove = async () => {
    await rm(dir, { recursive: true, force: true })
    janitor.stdin?.end()
  }
  try {
    const server = await startEmbedded({
      dataDir: join(dir, 'data'),
      systemDir: join(dir, 'system'),
      settings: { fsync: 'off', full_page_writes: 'off', max_connections: '300', ...settings },
    })
    return {
      url: server.url,
      dir,
      async close() {
        await server.close()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** An empty database on that server. */
export const emptyDatabase = (adminUrl: string): Promise<TemporaryDatabase> => makeDatabase(adminUrl, null)

const makeDatabase = async (adminUrl: string, template: string | null): Promise<TemporaryDatabase> => {
  const name = `spark_test_${randomBytes(8).toString('hex')}`
  await withAdmin(adminUrl, (client) =>
    client.query(`create database ${name}${template ? ` template ${template}` : ''}`),
  )
  return {
    url: inDatabase(adminUrl, name),
    drop: () =>
      withAdmin(adminUrl, async (client) => void (await client.query(`drop database if exists ${name} with (force)`))),
  }
}

/** The name has a digest of the migrations, so that a server that outlives a test run never gives an old schema. */
const templateName = async (): Promise<string> =>
  `spark_template_${createHash('sha256')
    .update(JSON.stringify(await readMigrations()))
    .digest('hex')
    .slice(0, 16)}`

/** Renames a database, although connections of the migration may not have ended yet. */
const renameDatabase = async (client: pg.Client, from: string, to: string): Promise<void> => {
  for (let tries = 1; ; tries++) {
    try {
      await client.query(`alter database ${from} rename to ${to}`)
      return
    } catch (error) {
      if ((error as pg.DatabaseError).code !== '55006' || tries === RENAME_TRIES) throw error // object_in_use
      await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [from])
      await client.query('select pg_sleep(0.05)')
    }
  }
}
const RENAME_TRIES = 100

/** The migrated database that others are copied from, made once on each server. */
export const ensureTemplate = async (adminUrl: string): Promise<string> => {
  const name = await templateName()
  await withAdmin(adminUrl, async (client) => {
    const exists = async () => (await client.query('select from pg_database where datname = $1', [name])).rowCount === 1
    if (await exists()) return
    await client.query('select pg_advisory_lock($1)', [LOCK])
    if (await exists()) return
    const draft = `${name}_draft`
    await client.query(`drop database if exists ${draft} with (force)`)
    await client.query(`create database ${draft}`)
    await migrate({ url: inDatabase(adminUrl, draft) })
    await renameDatabase(client, draft, name)
  })
  return name
}

/** Looked up once per process and server, because it costs a connection. */
const templates = new Map<string, Promise<string>>()

/** A migrated database for one test file, copied from the template. */
export const freshDatabase = async (adminUrl: string): Promise<TemporaryDatabase> => {
  const template = templates.get(adminUrl) ?? ensureTemplate(adminUrl)
  templates.set(adminUrl, template)
  return makeDatabase(adminUrl, await template)
}
