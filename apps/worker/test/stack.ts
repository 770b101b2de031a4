import { makeHttpPool, parseSourcePolicy } from '@automagik-spark/adapters'
import { CreateSchedule } from '@automagik-spark/core'
import { makeDb } from '@automagik-spark/db'
import type { TemporaryDatabase } from '@automagik-spark/db/testing'
import { freshDatabase, slowSettings } from '@automagik-spark/db/testing'
import type { StubLangflow, StubLangflowOptions } from '@automagik-spark/testing'
import { patience, startStubLangflow } from '@automagik-spark/testing'
import { inject } from 'vitest'
import type { z } from 'zod'
import { makeAgendaQueue } from '../src/agenda-queue.ts'
import { makeDbClock } from '../src/clock.ts'
import type { Engine } from '../src/engine.ts'
import { startEngine } from '../src/engine.ts'
import { makeIds } from '../src/ids.ts'
import { makeLogger } from '../src/logger.ts'
import type { OpenSource } from '../src/remote.ts'
import { makeOpenSource } from '../src/remote.ts'
import type { RunningWorker, WorkerTimes } from '../src/run/worker.ts'
import { startWorker } from '../src/run/worker.ts'
import { makeVault } from '../src/vault.ts'
import { asClient } from './as-client.ts'

export { until } from '@automagik-spark/testing'

/** Short, so that a dead worker is noticed within seconds. */
export const TEST_TIMES: WorkerTimes = {
  leaseMs: 2_000,
  graceMs: 500,
  reconcileMs: 200,
  drainMs: 2_000,
  checkMs: 60_000,
}
const LANGFLOW_KEY = 'sk-stack-test'

type Options = {
  /** A fresh one when left out. */
  database?: TemporaryDatabase
  mongodbUri?: string | undefined
  stub?: StubLangflowOptions
  maxOutputBytes?: number
  /** For the backoff: 0 makes retries come within a second. */
  random?: () => number
  /** Another PostgreSQL than the one that all test files share. */
  serverUrl?: string
  /** What is logged, line by line, from `info` on. */
  onLog?: (line: Record<string, unknown>) => void
  /** Of the engine, for ordinary queries; the worker has more of its own. */
  connections?: number
  /** What a server says about a lost call. Then it is one that can be asked. */
  recover?: NonNullable<ReturnType<OpenSource>['recover']>
}

/** The engine on real parts: a database of its own, Agenda, a stub Langflow, and as many workers as a test starts. */
export const openStack = async ({
  database: given,
  mongodbUri,
  stub: stubOptions,
  maxOutputBytes = 1_048_576,
  random = Math.random,
  connections = 10,
  serverUrl = inject('postgresUrl'),
  onLog,
  recover,
}: Options = {}) => {
  const database = given ?? (await freshDatabase(serverUrl))
  const url = database.url
  const logger = onLog
    ? makeLogger({
        level: 'info',
        format: 'json',
        destination: { write: (line) => onLog(JSON.parse(line) as Record<string, unknown>) },
      }) // what pino writes is an object
    : makeLogger({ level: process.env.TEST_LOG === undefined ? 'silent' : 'debug', format: 'json' })
  const clock = makeDbClock(Date.now)
  const ids = makeIds(clock)
  const vault = makeVault({ key: new Uint8Array(32).fill(7), previous: [] })
  const policy = parseSourcePolicy('private')
  if (typeof policy === 'string') throw new Error(policy)
  const pool = makeHttpPool({ policy, tlsInsecureHosts: ['localhost'] }) // the certificate of the tests is trusted by nobody
  const openStored = makeOpenSource({ pool, vault, addSecret: () => undefined })
  const openSource: OpenSource = recover ? (source) => ({ ...openStored(source), recover }) : openStored
  const db = makeDb({
    url,
    name: 'test',
    max: connections,
    onError: () => undefined,
    settings: slowSettings(patience()),
  })
  const queues: ReturnType<typeof makeAgendaQueue>[] = []
  const newQueue = (ownClock = clock) => {
    const queue = makeAgendaQueue({ databaseUrl: url, mongodbUri, clock: ownClock, logger })
    queues.push(queue)
    return queue
  }
  const common = { url, db, clock, ids, logger, random, openSource, version: 'test', default_timeout: 30 }
  const queue = newQueue()
  const running: Engine = await startEngine({ ...common, queue, vault, pool, addSecret: () => undefined })
  const engine = asClient(running)
  const stub: StubLangflow = await startStubLangflow({ key: LANGFLOW_KEY, ...stubOptions })
  const workers: { worker: RunningWorker; queue: ReturnType<typeof makeAgendaQueue> }[] = []
  const stopWorker = async (worker: RunningWorker) => {
    const at = workers.findIndex((one) => one.worker === worker)
    const [found] = workers.splice(at, 1)
    await found!.queue.stop()
    await worker.stop()
  }

  return {
    url,
    db,
    engine,
    stub,
    clock,
    queue,
    pool,
    /** For what is started beside the engine. */
    parts: { db, clock, ids, vault, pool, logger },
    /** As the API has them: what is the user's and the flow's own is source text. */
    raw: running,
    jsonTasks: running.tasks,
    /**
     * `through`: another way to the same PostgreSQL, for its statements and its LISTEN; its queue goes straight there.
     * `clockAheadMs`: what its machine's own clock shows too much.
     */
    async addWorker({
      nets = true,
      concurrency = 20,
      times = {} as Partial<WorkerTimes>,
      through = url,
      clockAheadMs = 0,
    } = {}): Promise<RunningWorker> {
      const ownClock = clockAheadMs === 0 ? clock : makeDbClock(() => Date.now() + clockAheadMs)
      const queue = newQueue(ownClock)
      const worker = await startWorker({
        ...common,
        clock: ownClock,
        url: through,
        queue,
        hostname: 'test',
        pid: process.pid,
        concurrency,
        ...(recover && { can_be_asked: ['langflow'] as const }),
        maxOutputBytes,
        times: { ...TEST_TIMES, ...times },
        nets,
      })
      await engine.service.look() // so that runs are waited for from now on
      workers.push({ worker, queue })
      return worker
    },
    stopWorker,
    /** A connected source with one of its flows. */
    async sync(flow: keyof StubLangflow['flows'] = 'echo') {
      const source =
        (await engine.sources.list({ limit: 1, offset: 0 })).items[0] ??
        (await engine.sources.create({ url: stub.url, api_key: LANGFLOW_KEY, max_concurrency: 40 }))
      const synced = await engine.workflows.sync(stub.flows[flow], {})
      if (!('workflow' in synced)) throw new Error('one flow was asked for')
      return { source, workflow: synced.workflow }
    },
    async close() {
      stub.release()
      for (const { worker } of [...workers]) await stopWorker(worker)
      await engine.close()
      await Promise.all(queues.map((queue) => queue.stop()))
      await stub.close()
      await pool.close()
      await db.close()
      await database.drop()
    },
  }
}
export type Stack = Awaited<ReturnType<typeof openStack>>

type ScheduleFields = Omit<Partial<CreateSchedule>, 'input_value' | 'tweaks'> &
  Pick<CreateSchedule, 'workflow_id'> &
  Pick<z.input<typeof CreateSchedule>, 'input_value' | 'tweaks'>
/** As a request with only these fields would be read. */
export const newSchedule = (fields: ScheduleFields): CreateSchedule =>
  CreateSchedule.parse({
    schedule_type: 'interval',
    schedule_expr: '1s',
    ...fields,
    ...(fields.start_at && { start_at: fields.start_at.toISOString() }),
    ...(fields.end_at && { end_at: fields.end_at.toISOString() }),
  })

/** Deletes all rows. An answer may be settled just then, which locks in the other order: a transaction is tried again. */
export const clear = (stack: Pick<Stack, 'db'>, ...tables: ('schedules' | 'tasks')[]): Promise<void> =>
  stack.db.sql.transaction(async (tx) => {
    for (const table of tables) await tx.query(`DELETE FROM ${table}`)
  })

/** Moves PostgreSQL's clock, which is the one that decides. */
export const moveClock = async (stack: Pick<Stack, 'db' | 'engine'>, ms: number): Promise<void> => {
  await stack.db.sql.query(
    `CREATE OR REPLACE FUNCTION spark_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
     $$ SELECT date_trunc('milliseconds', clock_timestamp() + ${Math.trunc(ms)} * interval '1 millisecond') $$`,
  )
  await stack.engine.service.look()
}
