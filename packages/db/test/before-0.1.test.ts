import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { searchPath } from '../src/address.ts'
import { compareCatalogs, readCatalog } from '../src/catalog.ts'
import { migrate, migrationStatus } from '../src/migrate.ts'
import type { Migration } from '../src/migration-files.ts'
import { readMigrations, readOldMigrations } from '../src/migration-files.ts'
import { emptyDatabase, freshDatabase, type TemporaryDatabase } from '../src/testing.ts'

const databases: TemporaryDatabase[] = []
const named = (migrations: { name: string }[]) => migrations.map(({ name }) => name)
const withClient = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(searchPath(url))
    return await work(client)
  } finally {
    await client.end()
  }
}
const query = (at: string, text: string): Promise<Record<string, unknown>[]> =>
  withClient(at, async (client) => (await client.query<Record<string, unknown>>(text)).rows)
const catalogOf = (at: string) => withClient(at, (client) => readCatalog(client))
/** All that Prisma's engine reads of it, and what a person would. */
const recorded = (at: string) =>
  query(
    at,
    `select migration_name, checksum, logs, rolled_back_at, applied_steps_count, finished_at >= started_at as finished from _prisma_migrations order by 1`,
  )

let old: Migration[]
/** The migrations of today, from `init` on. */
let today: string[]
let made: { url: string; catalog: Awaited<ReturnType<typeof catalogOf>>; rows: Record<string, unknown>[] }
let url: string
/** What an earlier version did to the database of this test. */
const applyOld = (migrations: Migration[], at = url) => migrate({ url: at, migrations })
const expectReplaced = async (at = url) => {
  expect(compareCatalogs(await catalogOf(at), made.catalog)).toEqual([])
  expect(await recorded(at)).toEqual(made.rows)
  expect(await query(at, `select nspname from pg_namespace where nspname like 'spark%'`)).toEqual([])
}

const empty = async (): Promise<string> => {
  const database = await emptyDatabase(inject('postgresUrl'))
  databases.push(database)
  return database.url
}
beforeAll(async () => {
  old = await readOldMigrations()
  expect(old).toHaveLength(20) // as many as the first test counts to
  today = named(await readMigrations())
  const fresh = await freshDatabase(inject('postgresUrl'))
  databases.push(fresh)
  made = { url: fresh.url, catalog: await catalogOf(fresh.url), rows: await recorded(fresh.url) }
})
afterAll(() => Promise.all(databases.map(({ drop }) => drop())))

describe('a database made before 0.1.0', () => {
  beforeEach(async () => {
    url = await empty()
  })

  // Each in a schema of its own: a database of its own takes seconds where the server waits for its disk.
  it.each([
    [1, 5],
    [6, 10],
    [11, 15],
    [16, 20],
  ])('gets the schema and the history of a new one, with %i to %i old migrations applied', async (first, most) => {
    for (let count = first; count <= most; count++) {
      await query(url, `create schema after_${count}`)
      const at = `${url}?schema=after_${count}`
      await applyOld(old.slice(0, count), at)
      expect(await migrationStatus({ url: at })).toEqual({
        applied: named(old.slice(0, count)),
        pending: [...named(old.slice(count)), ...today],
        unknown: [],
        failed: [],
      })
      expect(await migrate({ url: at })).toEqual({ applied: [...named(old.slice(count)), ...today] })
      await expectReplaced(at)
    }
    expect((await catalogOf(url)).size).toBe(0)
  })

  it('has nothing to do afterwards', async () => {
    await applyOld(old)
    const said: string[] = []
    expect(await migrate({ url, log: (message) => said.push(message) })).toEqual({ applied: today })
    expect(said).toEqual([`Database schema brought up to date: ${today.join(', ')}`])
    expect(await migrate({ url })).toEqual({ applied: [] })
    expect(await migrationStatus({ url })).toEqual({ applied: today, pending: [], unknown: [], failed: [] })
  })

  it('gets the migrations that came after init, too', async () => {
    await applyOld(old.slice(0, 13))
    const next = { name: '20270101000000_next', sql: 'alter table tasks add column next int' }
    const versions = { url, migrations: [...(await readMigrations()), next], oldMigrations: old }
    const { applied } = await migrate(versions)
    expect(applied).toEqual([...named(old.slice(13)), ...named(versions.migrations)])
    expect(await migrate(versions)).toEqual({ applied: [] })
    expect(compareCatalogs(await catalogOf(url), made.catalog)).toEqual(["column tasks.next is not Spark's"])
  })

  it('is completed when an old migration was not finished', async () => {
    const half = { name: old[5]!.name, sql: 'create table half (id int); select 1 / 0;' }
    await expect(applyOld([...old.slice(0, 5), half])).rejects.toThrow('division by zero')
    expect(await migrationStatus({ url })).toMatchObject({ failed: [half.name] })
    expect(await migrate({ url })).toEqual({ applied: [...named(old.slice(5)), ...today] })
    await expectReplaced()
  })

  it('is completed once when four processes start at once', async () => {
    await applyOld(old.slice(0, 13))
    const results = await Promise.all([1, 2, 3, 4].map(() => migrate({ url })))
    expect(results.map(({ applied }) => applied).sort()).toEqual([[], [], [], [...named(old.slice(13)), ...today]])
    await expectReplaced()
  })

  it('keeps its old history when the process dies while it replaces it, and the next start replaces it', async () => {
    await applyOld(old)
    await query(
      url,
      `create function trap() returns trigger language plpgsql as $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$;
       create trigger trap before insert on _prisma_migrations for each row execute function trap()`,
    )
    await expect(migrate({ url })).rejects.toThrow()
    expect(await migrationStatus({ url })).toMatchObject({ applied: named(old), pending: today })
    await query(url, 'drop function trap cascade')
    expect(await migrate({ url })).toEqual({ applied: today })
    await expectReplaced()
  })

  it('stays as it is when somebody changed its tables, and says what differs', async () => {
    await applyOld(old)
    await query(url, `alter table tasks add note text, alter timeout type bigint; drop index tasks_ready`)
    const before = await recorded(url)
    await expect(migrate({ url })).rejects.toThrow(
      `The tables of this database differ from those that Spark's migrations make (column tasks.note is not Spark's, column tasks.timeout is "bigint not null" instead of "integer not null", index tasks_ready is missing): undo what was changed by hand, and start again.`,
    )
    expect(await recorded(url)).toEqual(before)
    await query(
      url,
      `alter table tasks drop note, alter timeout type integer; create index tasks_ready on tasks (source_id, priority, ready_at, id) where status = 'pending'`,
    )
    expect(await migrate({ url })).toEqual({ applied: today })
    await expectReplaced()
  })

  it('may have tables and functions of others beside those of Spark', async () => {
    await applyOld(old)
    await query(url, 'create table theirs (id int); create view running as select id from tasks')
    await query(url, `create function theirs() returns int language sql as 'select 1'`)
    expect(await migrate({ url })).toEqual({ applied: today })
  })

  it('is refused when it has migrations of another version, too', async () => {
    const other = { name: '20261129120000_elsewhere', sql: 'create table elsewhere (id int)' }
    await applyOld([...old, other])
    await expect(migrate({ url })).rejects.toThrow(
      `it has migration ${other.name}, which this version doesn't know, and lacks ${today.join(', ')}`,
    )
  })

  it('may have its tables in a schema whose name needs quotes', async () => {
    await query(url, 'create schema "App"')
    await applyOld(old.slice(0, 13), `${url}?schema=App`)
    expect((await migrate({ url: `${url}?schema=App` })).applied).toEqual([...named(old.slice(13)), ...today])
    await expectReplaced(`${url}?schema=App`)
  })

  it('names what is missing when the role may not change the schema', async () => {
    await applyOld(old)
    const role = `reader_${Math.random().toString(36).slice(2)}`
    await query(url, `create role ${role} login password 'x'; grant all on all tables in schema public to ${role}`)
    const as = new URL(url)
    as.username = role
    as.password = 'x'
    try {
      await expect(migrate({ url: as.href })).rejects.toThrow('The role in DATABASE_URL may not change the schema')
    } finally {
      await query(url, `drop owned by ${role}; drop role ${role}`)
    }
    expect(await migrate({ url })).toEqual({ applied: today })
  })
})

describe('a difference is noticed', () => {
  it.each([
    ['alter table tasks set (fillfactor = 80)', 'table tasks is "fillfactor=80" instead of "fillfactor=70"'],
    ['alter table tasks alter tries drop default', 'column tasks.tries is'],
    ['alter table schedules alter warnings drop not null', 'column schedules.warnings is'],
    ['alter table tasks alter status set statistics 500', 'column tasks.status is "text not null statistics 500"'],
    ['create statistics extra on status, trigger from tasks', "statistics extra is not Spark's"],
    ['create index extra on tasks (error)', "index extra is not Spark's"],
    ['drop table discoveries', 'table discoveries is missing'],
    ['alter table tasks drop constraint tasks_finished', 'constraint tasks.tasks_finished is missing'],
    [
      'alter table task_outputs drop constraint task_outputs_task_id_fkey, add constraint task_outputs_task_id_fkey foreign key (task_id) references tasks (id)',
      'constraint task_outputs.task_outputs_task_id_fkey is',
    ],
    ['drop trigger tasks_edges on tasks', 'trigger tasks.tasks_edges is missing'],
    ['alter table tasks disable trigger tasks_edges', 'trigger tasks.tasks_edges is different'],
    [
      `create or replace function spark_now() returns timestamptz language sql stable parallel safe as 'select now()'`,
      'function spark_now() is different',
    ],
    [`alter function spark_now() volatile`, 'function spark_now() is different'],
    ['alter sequence task_events_id_seq cache 10', 'sequence task_events_id_seq is'],
  ])('%s', async (change, told) => {
    const differences = await withClient(made.url, async (client) => {
      await client.query('begin')
      await client.query(change)
      return compareCatalogs(await readCatalog(client), made.catalog)
    })
    expect(differences).toContainEqual(expect.stringContaining(told))
  })
})
