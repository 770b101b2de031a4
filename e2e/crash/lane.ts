import { randomBytes } from 'node:crypto'
import type { Finding } from '@automagik-spark/checker'
import { makeChecker } from '@automagik-spark/checker'
import { freshDatabase } from '@automagik-spark/db/testing'
import { startEngine } from '@automagik-spark/engine'
import { boot, loadConfig, VERSION } from '@automagik-spark/runtime'
import { startStubHive, startStubLangflow } from '@automagik-spark/testing'
import type { WorkerTimes } from '@automagik-spark/worker'
import { startWorker } from '@automagik-spark/worker'
import { until } from '../spark.ts'

/** Short, so that a dead worker is noticed within seconds. */
export const TIMES: WorkerTimes = { leaseMs: 2_000, graceMs: 500, reconcileMs: 200, drainMs: 2_000, checkMs: 60_000 }
const FLOW_KEY = 'sk-crash'
const HIVE_KEY = 'hive-crash'
const AGENT = 'echo-agent'
const SURROUNDINGS = { isTerminal: false, wallNow: Date.now, random: () => 0, atExit: () => undefined }

export type Row = {
  id: string
  status: string
  error_code: string | null
  tries: number
  schedule_id: string | null
  scheduled_for: Date | null
  input: unknown
}

/** A database of its own with a source and a flow, and a Hive with an agent, for one scenario at a time. */
export const openLane = async (postgresUrl: string, mongodbUri?: string) => {
  const database = await freshDatabase(postgresUrl)
  const [stub, hive] = [await startStubLangflow({ key: FLOW_KEY }), await startStubHive({ key: HIVE_KEY })]
  const apiKey = randomBytes(16).toString('hex')
  const env: Record<string, string> = {
    DATABASE_URL: database.url,
    SPARK_API_KEY: apiKey,
    SPARK_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    API_PORT: '0',
    API_HOST: '127.0.0.1',
    LOG_LEVEL: 'warn',
    LOG_FORMAT: 'json',
    ...(mongodbUri !== undefined && { MONGODB_URI: mongodbUri }),
  }
  const foundation = await boot(loadConfig({ ...env, LOG_LEVEL: 'silent' }, 'start'), SURROUNDINGS)
  const engine = await startEngine({ ...foundation, version: VERSION })
  const hiveSource = await engine.sources.create({ url: hive.url, api_key: HIVE_KEY, max_concurrency: 40 })
  const agent = await engine.workflows.sync(AGENT, { source_url: hive.url })
  const source = await engine.sources.create({ url: stub.url, api_key: FLOW_KEY, max_concurrency: 40 })
  const synced = await engine.workflows.sync(stub.flows.echo, { source_url: stub.url }) // the newest
  if (!('workflow' in synced && 'workflow' in agent)) throw new Error('one flow was asked for')
  const check = makeChecker({ sql: foundation.db.sql, armed: foundation.wakeUps.armed })
  const sql = async <T>(text: string, values: unknown[] = []) => (await foundation.db.sql.query<T>(text, values)).rows

  return {
    env,
    apiKey,
    stub,
    engine,
    sql,
    source_id: source.id,
    workflow_id: synced.workflow.id,
    flow_key: FLOW_KEY,
    hive: { stub: hive, key: HIVE_KEY, agent: AGENT, workflow_id: agent.workflow.id },
    tasks: (where: string, ...values: unknown[]) =>
      sql<Row>(
        `SELECT id, status, error_code, tries, schedule_id, scheduled_for, input FROM tasks WHERE ${where} ORDER BY id`,
        values,
      ),
    callsOf: (task_id: string) => [...stub.runs, ...hive.runs].filter((call) => call.session_id === task_id).length,
    /** Another worker, which finds what the dead one left. */
    async rescue() {
      const own = await boot(loadConfig({ ...env, LOG_LEVEL: 'silent' }, 'worker'), SURROUNDINGS)
      const worker = await startWorker({
        ...own,
        hostname: 'rescue',
        pid: process.pid,
        version: VERSION,
        concurrency: 20,
        maxOutputBytes: 1_048_576,
        times: TIMES,
      })
      await engine.health.check()
      return async () => {
        await own.wakeUps.stop()
        await worker.stop()
        await own.close()
      }
    },
    /** Everything is over, and nothing is wrong. */
    async settled() {
      await until(
        () =>
          sql<{ id: string; status: string }>(`SELECT id, status FROM tasks WHERE status IN ('pending', 'running')`),
        (open) => open.length === 0,
      )
      const log = { source_id: source.id, isWhole: true, calls: () => [...stub.runs] }
      // A Hive whose answer was lost can be asked for it, so what is completed may have no answer in its log.
      const hiveLog = { source_id: hiveSource.id, isWhole: false, calls: () => [...hive.runs] }
      for (const one of [log, hiveLog])
        await until(
          () => check({ since: new Date(0), log: one }),
          (found: Finding[]) => found.length === 0,
        )
    },
    async close() {
      stub.release()
      await engine.close()
      await foundation.close()
      await stub.close()
      await hive.close()
      await database.drop()
    },
  }
}
export type Lane = Awaited<ReturnType<typeof openLane>>
