import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTemporaryServer } from '@automagik-spark/db/testing'
import { patient } from '@automagik-spark/testing'
import pg from 'pg'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Stack } from './stack.ts'
import { newSchedule, openStack, until, useStack } from './stack.ts'

type Line = Record<string, unknown>
const reasons = (stack: Stack) => stack.engine.health.report().reasons.join('\n')
const isHealthy = (stack: Stack) =>
  until(
    async () => stack.engine.health.report(),
    ({ status }) => status === 'healthy',
    30_000,
  )

describe('a claim or a settle that keeps failing', () => {
  const stack = useStack({ onLog: (line) => void log.push(line) })
  let workflow_id: string
  const log: Line[] = []
  beforeAll(async () => {
    workflow_id = (await stack.sync()).workflow.id
    await stack.addWorker()
    await isHealthy(stack)
  })
  afterEach(() => void log.splice(0))

  const of = (work: string) =>
    log.filter((line) => line.work === work).map(({ level, msg, failures }) => [level, msg, failures])
  const rename = async (from: string, to: string) => {
    await stack.db.sql.query(`ALTER FUNCTION ${from} RENAME TO ${to}`)
  }

  it('because PostgreSQL does not know what it names is a bug: an error at once, logged once, degraded at once, and over when it works', async () => {
    await rename('spark_claim_ready', 'spark_lost')
    const { task } = await stack.engine.workflows.run(workflow_id, 'x', { wait: false })
    await until(
      async () => reasons(stack),
      (text) => /claiming has failed .* refuses a statement of Spark \(SQLSTATE 42883\)/.test(text),
    )
    expect(stack.engine.health.report().status).toBe('degraded')
    await until(
      async () =>
        Number(
          /(\d+) times/.exec(
            (await stack.engine.workers.list({ limit: 10, offset: 0 })).items[0]!.trouble ?? '',
          )?.[1] ?? 0,
        ),
      (times) => times >= 3,
      30_000,
    )
    expect(of('claiming')).toEqual([['error', 'claiming failed; trying again', undefined]])

    await rename('spark_lost', 'spark_claim_ready')
    await until(
      () => stack.engine.tasks.get(task.id),
      ({ status }) => status === 'completed',
    )
    await isHealthy(stack)
    expect(of('claiming')).toEqual([
      ['error', 'claiming failed; trying again', undefined],
      ['info', 'claiming works again', expect.any(Number)],
    ])
  })

  it(
    'for another reason is shown after 10 s, with the reason, and the answer is stored when PostgreSQL takes it',
    async () => {
      // A trigger stands for a full disk, a lost lock or a failure of the server.
      await stack.db.sql.query(
        `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '58030', MESSAGE = 'could not write block'; END $$`,
      )
      await stack.db.sql.query(
        `CREATE TRIGGER refuse BEFORE UPDATE ON tasks FOR EACH ROW WHEN (NEW.status = 'completed') EXECUTE FUNCTION refuse()`,
      )
      const { task } = await stack.engine.workflows.run(workflow_id, 'x', { wait: false })
      await until(
        async () => of('settling'),
        (lines) => lines.length > 0,
      )
      expect(reasons(stack)).not.toMatch(/settling/) // one failure is no trouble: connections break
      await until(
        async () => reasons(stack),
        (text) => /settling has failed for \d\d+ s \(\d+ times\): PostgreSQL reports a failure of its own/.test(text),
        40_000,
      )
      expect(of('settling')).toEqual([['warn', 'settling failed; trying again', undefined]])
      expect((await stack.engine.tasks.get(task.id)).status).toBe('running')

      await stack.db.sql.query('DROP TRIGGER refuse ON tasks')
      await until(
        () => stack.engine.tasks.get(task.id),
        ({ status }) => status === 'completed',
      )
      await isHealthy(stack)
      expect(of('settling').at(-1)).toEqual(['info', 'settling works again', expect.any(Number)])
    },
    patient(90_000),
  )
})

describe('a PostgreSQL that is frozen', () => {
  /** Its processes, the first of them all: the others are its children. */
  const processesOf = (dir: string): number[] => {
    const file = readdirSync(dir, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('postmaster.pid'))
    const postmaster = Number(readFileSync(join(dir, file ?? ''), 'utf8').split('\n')[0])
    const all = spawnSync('ps', ['-axo', 'pid=,ppid='], { encoding: 'utf8' })
      .stdout.trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
    return [postmaster, ...all.flatMap(([pid, parent]) => (parent === postmaster && pid ? [pid] : []))]
  }

  it(
    'is down after 2 s, every request gets its answer, and work goes on when it thaws',
    async () => {
      const server = await startTemporaryServer()
      const stack = await openStack({ serverUrl: server.url, limits: 0.3 }) // every request below waits for its limit
      const { workflow, source } = await stack.sync()
      await stack.addWorker()
      await isHealthy(stack)

      const pids = processesOf(server.dir)
      expect(pids.length).toBeGreaterThan(5)
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      try {
        expect(
          await until(
            async () => stack.engine.health.ready(),
            ({ status }) => status === 'not ready',
            5_000,
          ),
        ).toEqual({
          status: 'not ready',
          reason: 'The database does not answer; try again in a moment',
        })
        expect(stack.engine.health.report()).toMatchObject({
          status: 'degraded',
          services: { database: { status: 'down' } },
        })
        const asked = [
          stack.engine.sources.list({ limit: 10, offset: 0 }), // through Prisma
          stack.engine.sources.get(source.id),
          stack.engine.workflows.list({ limit: 10, offset: 0 }),
          stack.engine.schedules.create(newSchedule({ workflow_id: workflow.id, schedule_expr: '1h' })), // a transaction
          stack.engine.workers.list({ limit: 10, offset: 0 }),
        ]
        const told = (await Promise.allSettled(asked)).map((one) =>
          one.status === 'rejected' ? stack.engine.health.noteFailure(one.reason) : 'answered',
        )
        expect(told).toEqual(asked.map(() => 'The database does not answer; try again in a moment'))
      } finally {
        for (const pid of pids.reverse()) process.kill(pid, 'SIGCONT')
      }
      await isHealthy(stack)
      expect((await stack.engine.workflows.run(workflow.id, 'thawed', { wait: true })).task).toMatchObject({
        status: 'completed',
      })
      await stack.close()
      await server.close()
    },
    patient(90_000),
  )
})

/** A small disk: only root can make one, elsewhere there is none to fill. */
const smallDisk = (owner: { uid: number; gid: number }): string | null => {
  const dir = mkdtempSync(join(tmpdir(), 'spark-small-disk-'))
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', dir]).status !== 0) {
    rmSync(dir, { recursive: true })
    return null
  }
  mkdirSync(join(dir, 'space'))
  chownSync(join(dir, 'space'), owner.uid, owner.gid)
  return dir
}

if (process.getuid?.() === 0 && process.platform === 'linux') {
  describe('a PostgreSQL whose disk is full', () => {
    it(
      'answers writes with a sentence, reads as ever, makes /health degraded, and stores again when there is room',
      async () => {
        const server = await startTemporaryServer()
        const stack = await openStack({ serverUrl: server.url })
        const { workflow } = await stack.sync()
        await stack.engine.schedules.create(newSchedule({ workflow_id: workflow.id, schedule_expr: '1h' }))
        const data =
          readdirSync(server.dir, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('PG_VERSION')) ??
          ''
        const disk = smallDisk(statSync(join(server.dir, data)))
        if (disk === null) throw new Error('root cannot mount a tmpfs here')
        try {
          const name = new URL(stack.url).pathname.slice(1)
          const client = new pg.Client({ connectionString: stack.url })
          await client.connect()
          await client.query(`CREATE TABLESPACE small LOCATION '${join(disk, 'space')}'`)
          for (const table of ['schedules', 'schedule_outcomes', 'tasks', 'workers'])
            await client.query(`ALTER TABLE ${table} SET TABLESPACE small`)
          await client.query(`ALTER DATABASE ${name} SET temp_tablespaces = 'small'`)
          await client.query('CREATE TABLE filler (id bigserial, text text) TABLESPACE small')
          const full = client.query(
            `INSERT INTO filler (text) SELECT repeat(md5(i::text), 20) FROM generate_series(1, 1000000) i`,
          )
          await expect(full).rejects.toMatchObject({ code: '53100' })
          await client.query(
            'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
          ) // so that all get the new default

          const create = () =>
            stack.engine.schedules.create(
              newSchedule({ workflow_id: workflow.id, schedule_expr: '1h', input_value: 'x'.repeat(4_000) }),
            )
          const told = await until(
            async () => {
              try {
                await create()
                return 'stored'
              } catch (error) {
                return stack.engine.health.noteFailure(error)
              }
            },
            (answer) => answer !== 'stored' && answer !== 'The database does not answer; try again in a moment',
          )
          expect(told).toBe("PostgreSQL's disk is full: make room on it, then try again")
          await stack.engine.health.check()
          expect(reasons(stack)).toContain("PostgreSQL's disk is full")
          expect((await stack.engine.schedules.list({ limit: 1, offset: 0 })).items).toHaveLength(1)

          await client.query('DROP TABLE filler')
          await until(
            async () => reasons(stack),
            (text) => !text.includes('disk'),
          )
          await create()
          await client.end()
        } finally {
          await stack.close()
          await server.close()
          spawnSync('umount', ['-l', disk])
          rmSync(disk, { recursive: true, force: true })
        }
      },
      patient(90_000),
    )
  })
}
