import { spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { claim, listen, makeDb, makeQueueDb, migrate as migrateWith } from '@automagik-spark/db'
import type { TemporaryServer } from '@automagik-spark/db/testing'
import { emptyDatabase, startTemporaryServer } from '@automagik-spark/db/testing'
import { makeAgendaWakeUps, makeDbClock } from '@automagik-spark/engine'
import { certificate, until } from '@automagik-spark/testing'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { makeLogger } from '../src/log/logger.ts'
import { prepareDatabase } from '../src/prepare-database.ts'
import { withDatabase } from '../src/run-process.ts'
import { startFailure } from '../src/start-failure.ts'

const KEYS = {
  SPARK_ENCRYPTION_KEY: 'q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=',
  SPARK_API_KEY: 'connection-forms-0123456789',
}
const onError = () => undefined

/** As `db migrate` with this DATABASE_URL. */
const migrate = (url: string) =>
  withDatabase(
    { DATABASE_URL: url, ...KEYS },
    '/',
    { make: true },
    async (read, { mongodb_uri }) => (await prepareDatabase({ url: read, mongodb_uri }), read),
  )
/** What a person reads of it; every line of it, since there is to be one. */
const told = (url: string): Promise<string> => migrate(url).then(() => 'it works', startFailure)

/** Everything that a process does with an address: Prisma, statements, LISTEN and Agenda. Answers the schema of the tables. */
const use = async (url: string): Promise<string | null> => {
  const db = makeDb({ url, name: 'forms', onError })
  const queueDb = makeQueueDb({ url, name: 'forms', onError })
  const clock = makeDbClock(Date.now)
  const wakeUps = makeAgendaWakeUps({
    databaseUrl: url,
    clock,
    logger: makeLogger({ level: 'silent', format: 'json' }),
  })
  let heard: (payload: string) => void
  const hears = new Promise<string>((resolve) => {
    heard = resolve
  })
  const listener = listen({
    url,
    name: 'forms',
    channels: ['spark_done'],
    onMessage: (_, payload) => heard(payload),
    onUp: () => undefined,
    onError,
  })
  try {
    expect((await db.sources.list({ limit: 1, offset: 0, after: null })).rows).toEqual([])
    expect(
      await claim(queueDb.claim, { worker_id: randomUUID(), token: randomUUID(), slots: 1, leaseMs: 1_000 }),
    ).toEqual([])
    for (const [name, value] of [
      ['jit', 'off'],
      ['statement_timeout', '5s'],
      ['enable_seqscan', 'off'],
    ]) {
      expect(Object.values((await queueDb.claim.query<Record<string, string>>(`SHOW ${name}`)).rows[0]!)).toEqual([
        value,
      ])
    }
    await until(
      () => listener.isUp() && wakeUps.isUp(),
      (up) => up,
    )
    await db.sql.query(`SELECT pg_notify('spark_done', 'told')`)
    expect(await hears).toBe('told')
    await wakeUps.wakeAt(new Date(clock.now().getTime() + 3_600_000))
    return (
      await db.sql.query<{ schema: string }>(
        `SELECT n.nspname AS schema FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = 'tasks'::regclass`,
      )
    ).rows[0]!.schema
  } finally {
    await listener.close()
    await wakeUps.stop()
    await queueDb.close()
    await db.close()
  }
}
const works = async (url: string): Promise<string | null> => use(await migrate(url))

const admin = async (url: string, ...statements: string[]) => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  server.close()
  return port
}

const opened: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const close of opened.reverse()) await close()
})
const database = async (serverUrl = inject('postgresUrl')): Promise<URL> => {
  const { url, drop } = await emptyDatabase(serverUrl)
  if (serverUrl === inject('postgresUrl')) opened.push(drop) // another goes with all that is in it
  return new URL(url)
}
const changed = (url: URL, change: (url: URL) => void): string => {
  const other = new URL(url)
  change(other)
  return other.href
}
const withParameters = (url: URL, parameters: string): string => `${url.href}?${parameters}`

describe('every form of DATABASE_URL works, or one sentence says what to write:', () => {
  let url: URL
  beforeAll(async () => {
    url = await database()
  })

  it('postgres:// and the encoded form of any character', async () => {
    await admin(url.href, `CREATE ROLE "o'neil" LOGIN SUPERUSER PASSWORD 'p@ss/w:rd?#'`)
    expect(
      await works(
        changed(url, (other) => {
          other.username = encodeURIComponent("o'neil")
          other.password = encodeURIComponent('p@ss/w:rd?#')
        }).replace('postgresql://', 'postgres://'),
      ),
    ).toBe('public')
    await admin(url.href, `DROP ROLE "o'neil"`).catch(() => undefined) // it owns tables until its database goes
  })

  it("?schema= of Prisma is honoured, for every connection, Agenda's included; two Sparks can share a database", async () => {
    const own = await database()
    expect(await told(withParameters(own, 'schema=app'))).toBe(
      'The schema app that DATABASE_URL names does not exist: CREATE SCHEMA "app", as its owner.',
    )
    await admin(own.href, 'CREATE SCHEMA app')
    expect(await works(withParameters(own, 'schema=app'))).toBe('app')
    expect(await works(own.href)).toBe('public')
    const tables = new pg.Client({ connectionString: own.href })
    await tables.connect()
    const { rows } = await tables.query<{ schema: string }>(
      `SELECT schemaname AS schema FROM pg_tables WHERE tablename IN ('tasks', 'agenda_jobs') ORDER BY 1`,
    )
    await tables.end()
    expect(rows.map(({ schema }) => schema)).toEqual(['app', 'app_agenda', 'public', 'spark_agenda'])
  })

  it('a search_path in options is honoured, too, and one without a schema is told', async () => {
    const own = await database()
    expect(await told(withParameters(own, 'options=-c%20search_path%3Dnowhere'))).toMatch(
      /^The schema nowhere that DATABASE_URL names does not exist: CREATE SCHEMA/,
    )
    await admin(own.href, 'CREATE SCHEMA app')
    expect(await works(withParameters(own, 'options=-c%20search_path%3Dapp'))).toBe('app')
    await admin(own.href, `ALTER DATABASE ${own.pathname.slice(1)} SET search_path = nowhere`)
    expect(await told(own.href)).toMatch(/^No schema of this role's search_path \(nowhere\) exists/)
    await admin(own.href, `ALTER DATABASE ${own.pathname.slice(1)} SET search_path = app`)
    expect(await told(own.href)).toBe(
      'The search_path of this role or database leads to the schema app: say so in DATABASE_URL with ?schema=app.',
    )
  })

  const FORMS: [name: string, url: (url: URL) => string, sentence: RegExp][] = [
    [
      'two hosts',
      ({ href }) => href.replace('127.0.0.1', '127.0.0.1,127.0.0.2'),
      /^DATABASE_URL names several hosts: write one address that follows the primary/,
    ],
    [
      'two hosts with ports',
      ({ href, port }) => href.replace(`127.0.0.1:${port}`, `127.0.0.1:${port},127.0.0.2:5432`),
      /^DATABASE_URL names several hosts/,
    ],
    [
      'two hosts in parameters',
      (one) => withParameters(one, 'host=a,b&target_session_attrs=read-write'),
      /^DATABASE_URL names several hosts/,
    ],
    ['no host', ({ href, host }) => href.replace(host, ''), /^DATABASE_URL has no host: for a socket write its folder/],
    [
      'an unknown sslmode',
      (one) => withParameters(one, 'sslmode=yes'),
      /^DATABASE_URL has sslmode=yes: it must be one of disable/,
    ],
    [
      'TLS where there is none',
      (one) => withParameters(one, 'sslmode=require'),
      /^PostgreSQL speaks no TLS there.*sslmode=disable/,
    ],
    [
      'a file that is not there',
      (one) => withParameters(one, 'sslmode=verify-full&sslrootcert=/nowhere/ca.pem'),
      /^A file that DATABASE_URL names cannot be read \(ENOENT\): \/nowhere\/ca\.pem/,
    ],
    [
      'a wrong password',
      (one) =>
        changed(one, (other) => {
          other.password = 'wrong'
        }),
      /^PostgreSQL refuses the password/,
    ],
    [
      'a user that is not there',
      (one) =>
        changed(one, (other) => {
          other.username = 'nobody-here'
        }),
      /^PostgreSQL refuses the password/,
    ],
    [
      'a database that is not there',
      (one) =>
        changed(one, (other) => {
          other.pathname = '/nowhere'
        }),
      /^The database that DATABASE_URL names does not exist/,
    ],
    [
      'a host that is not there',
      (one) =>
        changed(one, (other) => {
          other.hostname = 'nowhere.invalid'
        }),
      /^PostgreSQL cannot be reached \((ENOTFOUND|EAI_AGAIN)\)/,
    ],
    [
      'a socket that is not there',
      ({ pathname }) => `postgresql://spark:x@%2Fnowhere${pathname}`,
      /^PostgreSQL cannot be reached \(ENOENT\)/,
    ],
    ['another scheme', ({ href }) => href.replace('postgresql', 'mysql'), /must start with postgresql:\/\//],
  ]
  it.each(FORMS)('%s', async (_, form, sentence) => {
    const text = await told(form(url))
    expect(text).toMatch(sentence)
    expect(text).not.toMatch(/\n|spark_test|at .*\.ts/)
  })

  it('whatever the server has as defaults for sessions', async () => {
    const own = await database()
    for (const setting of [
      "datestyle = 'German'",
      "default_transaction_isolation = 'serializable'",
      "idle_session_timeout = '200ms'",
      "statement_timeout = '1h'",
      "lock_timeout = '1h'",
      "timezone = 'Asia/Kathmandu'",
      'jit = on',
      'enable_indexscan = off',
    ]) {
      await admin(own.href, `ALTER DATABASE ${own.pathname.slice(1)} SET ${setting}`)
    }
    expect(await works(own.href)).toBe('public')
    const db = makeDb({ url: own.href, name: 'forms', onError })
    const broke: string[] = []
    let up = 0
    const listener = listen({
      url: own.href,
      name: 'forms',
      channels: ['spark_done'],
      onMessage: () => undefined,
      onUp: () => up++,
      onError: ({ message }) => void broke.push(message),
    })
    await until(
      () => listener.isUp(),
      (is) => is,
    )
    const pid = async () =>
      (await db.sql.query<{ pid: number; now: Date }>('SELECT pg_backend_pid() AS pid, spark_now() AS now')).rows[0]!
    const before = await pid()
    expect(Number.isNaN(before.now.getTime())).toBe(false)
    const clock = new pg.Client({ connectionString: inject('postgresUrl') })
    await clock.connect()
    await clock.query('SELECT pg_sleep(0.6)') // three times the limit
    await clock.end()
    expect([(await pid()).pid, up, broke]).toEqual([before.pid, 1, []])
    await listener.close()
    await db.close()
  })

  it('a database that is not UTF8 is used, and the log says what it costs', async () => {
    const shared = inject('postgresUrl')
    const name = `spark_forms_${randomUUID().replaceAll('-', '')}`
    const options = `ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`
    await admin(shared, `CREATE DATABASE ${name} ${options} LOCALE_PROVIDER libc`).catch(() =>
      admin(shared, `CREATE DATABASE ${name} ${options}`),
    ) // 14 has one provider only
    opened.push(() => admin(shared, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
    const own = new URL(shared)
    own.pathname = `/${name}`
    const said: string[] = []
    await migrateWith({ url: own.href, log: (message) => void said.push(message) })
    expect(said[0]).toMatch(/^The encoding of the database is SQL_ASCII: .*ENCODING 'UTF8'/)
    expect(await use(own.href)).toBe('public')
  })

  it('a standby', async () => {
    const own = await database()
    await migrate(own.href)
    await admin(own.href, `ALTER DATABASE ${own.pathname.slice(1)} SET default_transaction_read_only = on`)
    expect(await told(own.href)).toMatch(/^This PostgreSQL only reads: .* DATABASE_URL must lead to the primary\.$/)
  })

  it('too many connections', async () => {
    const own = await database()
    await admin(
      own.href,
      `CREATE ROLE spark_few LOGIN PASSWORD 'few'`,
      `ALTER DATABASE ${own.pathname.slice(1)} CONNECTION LIMIT 0`,
    ).catch(() => undefined)
    expect(
      await told(
        changed(own, (other) => {
          other.username = 'spark_few'
          other.password = 'few'
        }),
      ),
    ).toMatch(/^PostgreSQL takes no more connections: raise its max_connections/)
  })
})

describe('a role without the right to make tables', () => {
  it('runs Spark with the GRANTs of docs/operations.md once db migrate was run as the owner, and else is told so', async () => {
    const own = await database()
    const name = own.pathname.slice(1)
    const role = `app_${name}`
    await admin(own.href, `CREATE ROLE ${role} LOGIN PASSWORD 'app'`, 'REVOKE CREATE ON SCHEMA public FROM PUBLIC') // as from 15 on
    const asRole = changed(own, (other) => {
      other.username = role
      other.password = 'app'
    })
    expect(await told(asRole)).toMatch(
      /^The role in DATABASE_URL may not (change the schema|do what starting needs): run automagik-spark db migrate/,
    )
    await migrate(own.href)
    await admin(own.href, ...grantsOfTheDocs(role))
    expect(await use(asRole)).toBe('public')
    expect(await told(asRole)).toBe('it works') // nothing is to be done
    opened.push(() => admin(inject('postgresUrl'), `DROP ROLE IF EXISTS ${role}`).catch(() => undefined))
  })
})

/** The statements that the documentation prints, for this role. */
const grantsOfTheDocs = (role: string): string[] => {
  const [, block] = /```sql\n([\s\S]*?GRANT[\s\S]*?)```/.exec(docs) ?? []
  return block!
    .trim()
    .split('\n')
    .map((line) => line.replaceAll('spark_app', role).replace(/;$/, ''))
    .filter((line) => line.startsWith('GRANT') || line.startsWith('ALTER DEFAULT'))
}
const docs = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8')

describe('with a server of its own', () => {
  let server: TemporaryServer
  let dir: string
  beforeAll(async () => {
    // As root the server runs under another user, which owns what it uses.
    dir = realpathSync(mkdtempSync(join(tmpdir(), 'spark-forms-')))
    const probe = await startTemporaryServer()
    const owner = ownerOf(probe.dir)
    await probe.close()
    chmodSync(dir, 0o755)
    mkdirSync(join(dir, 'socket'))
    for (const [name, text] of Object.entries({ 'key.pem': certificate.key, 'cert.pem': certificate.cert }))
      writeFileSync(join(dir, name), text, { mode: 0o600 })
    for (const name of ['socket', 'key.pem', 'cert.pem']) chownSync(join(dir, name), owner.uid, owner.gid)
    server = await startTemporaryServer({
      settings: {
        ssl: 'on',
        ssl_cert_file: join(dir, 'cert.pem'),
        ssl_key_file: join(dir, 'key.pem'),
        unix_socket_directories: join(dir, 'socket'),
        listen_addresses: '127.0.0.1,127.0.0.2',
      },
    })
    chmodSync(join(dir, 'cert.pem'), 0o644)
  })
  afterAll(async () => {
    await server.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('a socket, by its folder as the host and as a parameter', async () => {
    const own = await database(server.url)
    const encoded = encodeURIComponent(join(dir, 'socket'))
    const [user, name] = [`${own.username}:${own.password}`, own.pathname]
    expect(await works(`postgresql://${user}@${encoded}:${own.port}${name}`)).toBe('public')
    expect(await works(`postgresql://${user}@${name}?host=${encoded}&port=${own.port}`)).toBe('public')
    expect(await works(`postgresql://${user}@localhost:${own.port}${name}?host=${encoded}`)).toBe('public')
  })

  it('a certificate: trusted, not trusted, for another host, and not looked at', async () => {
    const own = await database(server.url)
    const warnings: string[] = []
    const note = ({ message }: Error) => void warnings.push(message)
    process.on('warning', note)
    for (const mode of ['verify-full', 'require'])
      expect(await works(withParameters(own, `sslmode=${mode}&sslrootcert=${join(dir, 'cert.pem')}`))).toBe('public')
    for (const mode of ['verify-full', 'verify-ca', 'require', 'prefer']) {
      expect(await told(withParameters(own, `sslmode=${mode}`))).toMatch(
        /^The TLS certificate of PostgreSQL is not trusted, .*: for an authority of your own add sslrootcert=/,
      )
    }
    const other = new URL(own)
    other.hostname = '127.0.0.2'
    expect(await told(withParameters(other, `sslmode=verify-full&sslrootcert=${join(dir, 'cert.pem')}`))).toMatch(
      /^The TLS certificate of PostgreSQL is for another host than DATABASE_URL names/,
    )
    expect(await works(withParameters(other, 'sslmode=no-verify'))).toBe('public')
    process.off('warning', note)
    expect(warnings.filter((message) => /SSL|sslmode/.test(message))).toEqual([])
  })

  const pgbouncer = ['/usr/sbin/pgbouncer', '/usr/local/sbin/pgbouncer', '/opt/homebrew/bin/pgbouncer'].find(
    (path) => spawnSync(path, ['--version']).status === 0,
  )
  if (pgbouncer) {
    it('PgBouncer: in session mode it works; a search_path in options and transaction mode are told', async () => {
      const own = await database(server.url)
      const open = async (mode: string, more = '') => {
        const port = await freePort()
        const file = join(dir, `pgbouncer-${mode}.ini`)
        const users = join(dir, 'users.txt')
        writeFileSync(users, `"${own.username}" "${own.password}"\n`)
        writeFileSync(
          file,
          `[databases]\n* = host=127.0.0.1 port=${own.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =\nauth_type = plain\nauth_file = ${users}\npool_mode = ${mode}\ndefault_pool_size = 40\n${more}\n`,
        )
        const owner = ownerOf(server.dir)
        const child = spawn(pgbouncer, [file], {
          stdio: 'ignore',
          ...(owner.uid > 0 && { uid: owner.uid, gid: owner.gid }),
        })
        opened.push(async () => void child.kill('SIGINT'))
        const through = new URL(own)
        through.port = String(port)
        await until(
          () =>
            admin(through.href, 'SELECT 1').then(
              () => true,
              () => false,
            ),
          (up) => up,
        )
        return through
      }
      const session = await open('session')
      expect(await works(session.href)).toBe('public')
      await admin(own.href, 'CREATE SCHEMA app')
      expect(await works(withParameters(session, 'schema=app'))).toBe('app')
      expect(await told(withParameters(session, 'options=-c%20search_path%3Dapp'))).toMatch(
        /^The pooler at DATABASE_URL takes no options: write \?schema=app/,
      )
      expect(await told((await open('transaction')).href)).toMatch(
        /^DATABASE_URL leads through a transaction pooler, and Spark needs sessions/,
      )
    })
  }
})

/** Who the server of this folder runs as. */
const ownerOf = (folder: string): { uid: number; gid: number } => {
  const found = spawnSync('find', [folder, '-name', 'PG_VERSION'], { encoding: 'utf8' }).stdout.split('\n')[0]!
  const { uid, gid } = statSync(found)
  return { uid, gid }
}
