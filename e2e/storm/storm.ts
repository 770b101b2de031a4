import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Finding } from '@automagik-spark/checker'
import { makeChecker } from '@automagik-spark/checker'
import { makePool } from '@automagik-spark/db'
import { Spark } from '@automagik-spark/sdk'
import { readCallLog, startFaultProxy, startStubLangflow } from '@automagik-spark/testing'
import { makeVictims } from '../crash/victims.ts'
import { removeDir, tempDir, until } from '../spark.ts'
import { makeChance } from './chance.ts'
import type { Big } from './chaos.ts'
import { rage } from './chaos.ts'
import type { StormOptions } from './options.ts'
import { beBusy, plans } from './people.ts'
import { openMongoStore, openPostgres } from './stores.ts'
import { supervise } from './supervised.ts'

const FLOW_KEY = 'sk-storm'
const MAX_CONCURRENCY = 30
const CALM_MS = 180_000
/** What may not be there even for a moment, nor in the midst of it. */
const NEVER = new Set<Finding['invariant']>(['order', 'tokens', 'calls', 'ends'])

export type StormResult = {
  /** Empty when everything is as promised. */
  wrong: string[]
  /** What happened, for the report. */
  counts: Record<string, unknown>
}

/** Below the ports that systems give out by themselves: an API that is killed finds its own free again, whoever else runs tests here. */
const OWN_PORTS = { first: 20_000, count: 10_000 }
const freePort = async (): Promise<number> => {
  for (;;) {
    const port = OWN_PORTS.first + Math.floor(Math.random() * OWN_PORTS.count)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) =>
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)),
    )
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

/** Null: there is no Mongo server to be had. */
export const runStorm = async (
  options: StormOptions,
  progress: (line: string) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<StormResult | null> => {
  const dir = tempDir()
  const closers: (() => unknown)[] = [() => removeDir(dir)]
  const chance = makeChance(options.seed)
  try {
    const faults = { share: options.faults, random: chance.random }
    progress(
      `seed ${options.seed}, ${options.seconds} s, wake-ups in ${options.store}, faults ${options.faults * 100} %`,
    )
    const postgres = await openPostgres(dir, faults)
    closers.push(postgres.close)
    const mongo = options.store === 'mongodb' ? await openMongoStore(dir, faults) : null
    if (mongo) closers.push(mongo.close)
    else if (options.store === 'mongodb') return null

    const logFile = join(dir, 'calls.log')
    const stub = await startStubLangflow({ key: FLOW_KEY, latencyMs: 40, logFile })
    closers.push(stub.close)
    const flows = await startFaultProxy({ host: '127.0.0.1', port: stub.port }, faults)
    closers.push(flows.close)

    const apiKey = randomBytes(16).toString('hex')
    const port = await freePort()
    const env = {
      DATABASE_URL: postgres.url,
      SPARK_API_KEY: apiKey,
      SPARK_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
      API_PORT: String(port),
      API_HOST: '127.0.0.1',
      LOG_LEVEL: 'warn',
      LOG_FORMAT: 'json',
      ...(mongo && { MONGODB_URI: mongo.uri }),
    }
    const leaseMs = options.leaseSeconds * 1000
    const times = { leaseMs, graceMs: leaseMs / 2, reconcileMs: 1_000, drainMs: 3_000, checkMs: 10_000 }
    const victims = makeVictims(dir, 3)
    closers.push(victims.close)
    const supervised = (name: string, role: 'api' | 'worker') => {
      const one = supervise({ name, role, victims, env, times })
      closers.push(one.close)
      return one
    }
    const api = supervised('api', 'api')
    await until(
      async () => api.isUp(),
      (up) => up,
      60_000,
    )
    const processes = [
      api,
      ...Array.from({ length: options.workers }, (_, i) => supervised(`worker ${i + 1}`, 'worker')),
    ]
    await until(
      async () => processes.every((one) => one.isUp()),
      (up) => up,
      60_000,
    )

    const patient = new Spark({ baseUrl: `http://127.0.0.1:${port}`, apiKey, maxRetries: 10 })
    const source = await patient.sources.create({
      url: `http://127.0.0.1:${flows.port}`,
      api_key: FLOW_KEY,
      max_concurrency: MAX_CONCURRENCY,
    })
    const workflow = await patient.workflows.sync(stub.flows.echo, { source_url: source.url })
    const schedules = []
    for (const plan of plans(workflow.id)) schedules.push(await patient.schedules.create(plan))

    const sql = makePool({ url: postgres.direct, name: 'storm', max: 2, onError: () => undefined })
    closers.push(sql.close)
    const armed = mongo
      ? mongo.armed
      : async (from: Date, to: Date) =>
          (
            await sql.query<{ at: Date }>(
              `SELECT next_run_at AS at FROM spark_agenda.agenda_jobs WHERE name = 'wake' AND next_run_at >= $1 AND next_run_at < $2`,
              [from, to],
            )
          ).rows.map(({ at }) => at)
    const check = makeChecker({ sql, armed })
    const log = { source_id: source.id, isWhole: true, calls: () => readCallLog(logFile).filter(({ run }) => run) }
    let timesSince = new Map(schedules.map(({ id, created_at }) => [id, new Date(created_at)]))
    const look = (overdue: number) => check({ since: new Date(0), log, timesSince, overdue })

    const wrong: string[] = []
    const over = new AbortController()
    const watching = (async () => {
      while (!over.signal.aborted) {
        await sleep(3_000, undefined, { signal: over.signal }).catch(() => undefined)
        const found = await look(3_600).catch(() => []) // PostgreSQL may be away just now
        wrong.push(
          ...found.filter(({ invariant }) => NEVER.has(invariant)).map(({ message }) => `in the storm: ${message}`),
        )
      }
    })()

    const big: Big[] = [
      ...(mongo ? [{ name: 'the store of wake-ups is restarted', run: mongo.restart }] : []),
      { name: 'PostgreSQL crashes', run: postgres.crash },
      {
        name: 'the store of wake-ups is emptied',
        run: async () => {
          if (mongo) return mongo.empty()
          // PostgreSQL may be away just then.
          const isDone = () =>
            sql.query('TRUNCATE spark_agenda.agenda_jobs').then(
              () => true,
              () => false,
            )
          await until(isDone, (done) => done, CALM_MS)
        },
      },
    ]
    progress(`storming over ${processes.length} processes and ${schedules.length} schedules`)
    const impatient = new Spark({ baseUrl: `http://127.0.0.1:${port}`, apiKey, maxRetries: 0 })
    const busy = beBusy(impatient, workflow.id, schedules, makeChance(options.seed + 1), over.signal)
    const struck = await rage({
      seconds: options.seconds,
      leastSignals: Math.floor(options.seconds / 2),
      chance,
      processes,
      stub,
      big,
      progress,
      signal,
    })
    over.abort()
    const people = await busy
    await watching

    progress('calm: waiting until everything is made good')
    timesSince = new Map([...timesSince].filter(([id]) => !people.edited.has(id)))
    const good = async <T>(what: string, seen: () => Promise<T[]>, say: (left: T) => string): Promise<void> => {
      let left: T[] = []
      await until(
        async () => (left = await seen().catch(() => left)),
        (found) => found.length === 0,
        CALM_MS,
      ).catch(() => {
        wrong.push(...left.slice(0, 20).map((one) => `${what}: ${say(one)}`))
      })
    }
    await good(
      'not up',
      async () => processes.filter((one) => !one.isUp()),
      ({ name, output }) => `${name}\n${output()}`,
    )
    await good(
      'not made good',
      () => look(15),
      ({ message }) => message,
    )
    const active = (await patient.schedules.list({ status: 'active', limit: 100 })).items
    for (const { id } of active) await patient.schedules.disable(id)
    type Open = { id: string; status: string; phase: string | null; serial_key: string | null }
    await good(
      'stuck',
      async () =>
        (
          await sql.query<Open>(
            `SELECT id, status, phase, serial_key FROM tasks WHERE status IN ('pending', 'running')`,
          )
        ).rows,
      (row) => JSON.stringify(row),
    )
    wrong.push(...(await look(15)).map(({ message }) => message))

    const rows = async <T>(text: string, values: unknown[] = []) => (await sql.query<T>(text, values)).rows
    const missing = async (table: string, ids: string[]) =>
      (
        await rows<{ id: string }>(
          `SELECT i AS id FROM unnest($1::uuid[]) i WHERE NOT EXISTS (SELECT FROM ${table} t WHERE t.id = i)`,
          [ids],
        )
      ).map(({ id }) => `acknowledged and lost: ${table} ${id}`)
    wrong.push(
      ...(await missing('tasks', people.runs)),
      ...(await missing('schedules', people.schedules)),
      ...processes.flatMap(({ deaths }) => deaths),
    )
    const decided = await rows<{ decision: string; reason: string | null; n: number }>(
      'SELECT decision, reason, sum(count)::int AS n FROM occurrences GROUP BY 1, 2 ORDER BY 1, 2',
    )
    const ended = await rows<{ status: string; error_code: string | null; n: number }>(
      'SELECT status, error_code, count(*)::int AS n FROM tasks GROUP BY 1, 2 ORDER BY 1, 2',
    )
    const counts = {
      ...struck,
      starts: processes.reduce((sum, one) => sum + one.counts.starts, 0),
      failed_starts: processes.reduce((sum, one) => sum + one.counts.failed_starts, 0),
      due_times: Object.fromEntries(
        decided.map(({ decision, reason, n }) => [reason ? `${decision} (${reason})` : decision, n]),
      ),
      tasks: Object.fromEntries(
        ended.map(({ status, error_code, n }) => [error_code ? `${status} (${error_code})` : status, n]),
      ),
      calls: log.calls().length,
      asked_by_people: people.counts,
      deadlocks: postgres.deadlocks(),
      faults:
        options.faults === 0
          ? undefined
          : { postgres: postgres.proxy.counts, mongo: mongo?.proxy.counts, flows: flows.counts },
    }
    return { wrong: [...new Set(wrong)], counts }
  } finally {
    for (const close of closers.reverse())
      await Promise.resolve(close()).catch((error: unknown) => progress(`could not be closed: ${String(error)}`))
  }
}
