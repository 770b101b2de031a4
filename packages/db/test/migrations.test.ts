import { createHash } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { migrate, migrationStatus } from '../src/migrate.ts'
import { readMigrations, readOldMigrations } from '../src/migration-files.ts'
import { emptyDatabase, freshDatabase, schemaDrift, type TemporaryDatabase } from '../src/testing.ts'

const databases: TemporaryDatabase[] = []
let url: string
const query = async (text: string): Promise<Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

beforeEach(async () => {
  const database = await emptyDatabase(inject('postgresUrl'))
  databases.push(database)
  url = database.url
})
afterAll(() => Promise.all(databases.map(({ drop }) => drop())))

const FIRST = { name: '20260101000000_first', sql: `create table first (id int primary key, note text default 'a;b');` }
// A body with semicolons, and a last line without one.
const SECOND = {
  name: '20260102000000_second',
  sql: 'create function two() returns int language plpgsql as $$ begin perform 1; return 2; end $$;\ncomment on table first is $$;$$ -- end',
}
const BROKEN = { name: SECOND.name, sql: 'create table half (id int); select 1 / 0;' }
/** Of what is on main: databases have it, so it never changes. A new migration adds its line. */
const DIGESTS = ['20261129073000_init b01a3fe81f272d7e', '20261129085711_add_schedule_version de432e7b1971c092']
const DIGEST_BEFORE_0_1 = '6d7bdace8332caa3'
const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)
const names = (migrations: { name: string }[]) => migrations.map(({ name }) => name)

describe('the migrations of this package', () => {
  it('make exactly what schema.prisma describes', async () => {
    expect(await schemaDrift({ emptyUrl: url })).toBe('')
  })

  it('never change once they are on main', async () => {
    expect((await readMigrations()).map(({ name, sql }) => `${name} ${digest(sql)}`)).toEqual(DIGESTS)
    const old = await readOldMigrations()
    expect(digest(old.map(({ name, sql }) => `${name}\n${sql}`).join('\n'))).toBe(DIGEST_BEFORE_0_1)
  })

  it('are missed when one is lacking', async () => {
    expect(await schemaDrift({ emptyUrl: url, migrations: [] })).toContain('CREATE TABLE')
  })

  it('bring an empty database up to date, in order, and then have nothing to do', async () => {
    const all = names(await readMigrations())
    expect(await migrationStatus({ url })).toEqual({ applied: [], pending: all, unknown: [], failed: [] })
    expect(await migrate({ url })).toEqual({ applied: all })
    expect(await migrationStatus({ url })).toEqual({ applied: all, pending: [], unknown: [], failed: [] })
    expect(await migrate({ url })).toEqual({ applied: [] })
  })

  it('are applied once when four processes start at once', async () => {
    const all = names(await readMigrations())
    const results = await Promise.all([1, 2, 3, 4].map(() => migrate({ url })))
    expect(results.map(({ applied }) => applied).sort()).toEqual([[], [], [], all])
  })

  it("are in every fresh test database, which is nobody else's", async () => {
    const all = names(await readMigrations())
    const [one, two] = await Promise.all([freshDatabase(inject('postgresUrl')), freshDatabase(inject('postgresUrl'))])
    databases.push(one, two)
    expect(one.url).not.toBe(two.url)
    expect(await migrationStatus({ url: one.url })).toEqual({ applied: all, pending: [], unknown: [], failed: [] })
  })
})

describe('migrate', () => {
  it('runs a script whole, functions and all', async () => {
    expect(await migrate({ url, migrations: [FIRST, SECOND] })).toEqual({ applied: names([FIRST, SECOND]) })
    expect(await query('select two()')).toEqual([{ two: 2 }])
  })

  it('says which migration failed and why, keeps nothing of it, and goes on once it is corrected', async () => {
    await expect(migrate({ url, migrations: [FIRST, BROKEN] })).rejects.toThrow(
      `Migration ${BROKEN.name} failed and was undone: division by zero.`,
    )
    expect(await query(`select to_regclass('first')::text as first, to_regclass('half')::text as half`)).toEqual([
      { first: 'first', half: null },
    ])
    expect(await migrationStatus({ url, migrations: [FIRST, BROKEN] })).toEqual({
      applied: [FIRST.name],
      pending: [BROKEN.name],
      unknown: [],
      failed: [BROKEN.name],
    })
    await expect(migrate({ url, migrations: [FIRST, BROKEN] })).rejects.toThrow('division by zero')

    expect(await migrate({ url, migrations: [FIRST, SECOND] })).toEqual({ applied: [SECOND.name] })
    expect(await migrationStatus({ url, migrations: [FIRST, SECOND] })).toEqual({
      applied: names([FIRST, SECOND]),
      pending: [],
      unknown: [],
      failed: [],
    })
  })

  it('goes on after its process died in the middle of a migration', async () => {
    const slow = { name: SECOND.name, sql: `create table half (id int); select pg_sleep(60);` }
    const dying = migrate({ url, migrations: [FIRST, slow] })
    dying.catch(() => {}) // looked at below
    let pid: unknown
    while (pid === undefined) {
      pid = (
        await query(
          `select pid from pg_stat_activity where datname = current_database() and query like '%pg_sleep%' and pid <> pg_backend_pid()`,
        )
      )[0]?.['pid']
    }
    // Another process looks while it runs: that is not a failure.
    expect(await migrationStatus({ url, migrations: [FIRST, slow] })).toMatchObject({
      pending: [slow.name],
      failed: [],
    })
    await query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    )
    await expect(dying).rejects.toThrow()

    expect(await migrate({ url, migrations: [FIRST, SECOND] })).toEqual({ applied: [SECOND.name] })
    expect(await query(`select to_regclass('half') as half`)).toEqual([{ half: null }])
  })

  it('marks a migration as done in its own transaction, so that a process that dies right after it repeats nothing', async () => {
    // The engine's own mark, which comes after the script's commit, fails here as it does when the process is gone by then.
    const trap = {
      name: SECOND.name,
      sql: `create function trap() returns trigger language plpgsql as $$ begin raise exception 'gone'; end $$;
        create trigger trap before update of applied_steps_count on _prisma_migrations for each row execute function trap();`,
    }
    await expect(migrate({ url, migrations: [FIRST, trap] })).rejects.toThrow()
    expect(await migrationStatus({ url, migrations: [FIRST, trap] })).toEqual({
      applied: names([FIRST, trap]),
      pending: [],
      unknown: [],
      failed: [],
    })
    expect(await migrate({ url, migrations: [FIRST, trap] })).toEqual({ applied: [] })
  })

  it('builds an index concurrently, which needs a file without a transaction', async () => {
    const index = { name: SECOND.name, sql: 'create index concurrently first_note on first (note);' }
    expect(await migrate({ url, migrations: [FIRST, index] })).toEqual({ applied: names([FIRST, index]) })
    expect(await query(`select to_regclass('first_note')::text as index`)).toEqual([{ index: 'first_note' }])
  })

  it('lets an older version work with a newer database, and says so', async () => {
    await migrate({ url, migrations: [FIRST, SECOND] })
    const said: string[] = []
    expect(await migrate({ url, migrations: [FIRST], log: (message) => said.push(message) })).toEqual({ applied: [] })
    expect(said).toEqual([expect.stringContaining(`newer than this version of Spark (${SECOND.name})`)])
    expect(await migrationStatus({ url, migrations: [FIRST] })).toEqual({
      applied: [FIRST.name],
      pending: [],
      unknown: [SECOND.name],
      failed: [],
    })
  })

  it('rejects a database that has other migrations', async () => {
    await migrate({ url, migrations: [FIRST, SECOND] })
    const elsewhere = { name: '20260103000000_elsewhere', sql: 'create table elsewhere (id int)' }
    await expect(migrate({ url, migrations: [FIRST, elsewhere] })).rejects.toThrow(
      /made by a different Spark: it has migration 20260102000000_second.*lacks 20260103000000_elsewhere/,
    )
  })

  it("rejects a database that has someone else's tables", async () => {
    await query('create table theirs (id int)')
    await expect(migrate({ url, migrations: [FIRST] })).rejects.toThrow('give Spark a database of its own')
  })
})
