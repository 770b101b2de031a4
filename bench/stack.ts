import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEmbedded } from '@automagik-spark/embedded-postgres'
import { Spark } from '@automagik-spark/sdk'
import pg from 'pg'
import type { CpuMeter } from './cpu.ts'
import { makeCpuMeter } from './cpu.ts'
import { MAX_CONCURRENCY } from './options.ts'
import type { Running } from './processes.ts'
import { root, startProcess } from './processes.ts'

/** How long each run takes at the flow server. */
export const LATENCY_MS = 20
/** How often the API is polled for the second worker. */
const POLL_MS = 250
const WORKER_MS = 60_000

export type Setup = {
  /** Runs at once in each of Spark's workers and in its floors; the source allows at least as many. */
  concurrency: number
}

export type Stack = {
  signal: AbortSignal
  progress: (line: string) => void
  concurrency: number
  spark: Running & { url: string; key: string; client: Spark }
  /** The stub Langflow, a separate process. */
  stub: Running & { url: string; key: string; flow_id: string }
  /** A workflow of the stub that answers with its input. */
  workflow_id: string
  /** Spark's PostgreSQL; the floors use it too. */
  database: { url: string; client: pg.Client }
  cpu: CpuMeter
  /** Starts one more worker, as a process beside `automagik-spark start`. */
  startWorker: () => Promise<Running>
  /** Starts a program of `bench/floor`, with database and stub in its environment. */
  startFloor: (name: string, env?: Record<string, string>) => Promise<Running>
}

type Args = Setup & { signal: AbortSignal; cpuProf: string | null; progress: (line: string) => void }

const built = (path: string) => join(root, path)

/** Starts everything in a temporary folder, passes it to `work`, then stops and removes it. */
export const withStack = async <T>(
  { signal, cpuProf, progress, concurrency }: Args,
  work: (stack: Stack) => Promise<T>,
): Promise<T> => {
  const closers: (() => Promise<void> | void)[] = []
  const opened = <O>(thing: O, close: (thing: O) => Promise<void> | void): O => {
    closers.push(() => close(thing))
    return thing
  }
  const started = async (running: Promise<Running>): Promise<Running> => opened(await running, ({ stop }) => stop())

  let sparkProblems = (): string[] => []
  try {
    const dir = opened(mkdtempSync(join(tmpdir(), 'spark-bench-')), (path) =>
      rmSync(path, { recursive: true, force: true }),
    )
    chmodSync(dir, 0o711) // PostgreSQL of root runs as another user, who must be able to enter
    const dataDir = join(dir, 'data')
    const logFile = join(dir, 'spark.log')
    sparkProblems = () => problemsIn(logFile)
    mkdirSync(dataDir, { mode: 0o711 })

    progress('starting a stub Langflow and Spark')
    const key = `sk-${randomBytes(12).toString('hex')}`
    const stub = await started(
      startProcess({
        name: 'the stub Langflow',
        script: built('packages/testing/dist/stub-main.js'),
        signal,
        ready: /^(\{.*\})$/m,
        args: ['langflow-1.13.0', '--key', key, '--latency', String(LATENCY_MS), '--control'],
      }),
    )
    const { url: stubUrl, flows } = JSON.parse(stub.said) as { url: string; flows: Record<string, string> } // what stub-main prints

    const apiKey = randomBytes(24).toString('hex')
    const common = {
      script: built('apps/cli/dist/main.js'),
      signal,
      logFile,
      nodeArgs: cpuProf === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(cpuProf)}`],
      env: {
        API_PORT: '0',
        SPARK_DATA_DIR: dataDir,
        SPARK_API_KEY: apiKey,
        SPARK_WORKER_CONCURRENCY: String(concurrency),
        LOG_FORMAT: 'json',
        SPARK_DISCOVERY: 'false',
      },
    }
    const process = await started(
      startProcess({ ...common, name: 'Spark', args: ['start'], ready: /Spark is ready at (http:\/\/\S+)/ }),
    )
    const spark = { ...process, url: process.said, key: apiKey, client: new Spark({ baseUrl: process.said, apiKey }) }
    const embedded = opened(await startEmbedded({ dataDir }), ({ close }) => close()) // shares Spark's server
    const client = opened(new pg.Client({ connectionString: embedded.url }), (connection) => connection.end())
    await client.connect()
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')

    const source = await spark.client.sources.create({ url: stubUrl, api_key: key, max_concurrency: MAX_CONCURRENCY })
    const workflow = await spark.client.workflows.sync(flows['echo'] ?? '', { source_url: source.url })

    const floorEnv = {
      STUB_URL: stubUrl,
      STUB_KEY: key,
      STUB_FLOW: flows['echo'] ?? '',
      CONCURRENCY: String(concurrency),
    }
    return await work({
      signal,
      progress,
      concurrency,
      spark,
      stub: { ...stub, url: stubUrl, key, flow_id: flows['echo'] ?? '' },
      workflow_id: workflow.id,
      database: { url: embedded.url, client },
      cpu: makeCpuMeter(rows[0]?.pid ?? 0),
      startWorker: () =>
        started(
          untilListed(
            spark.client,
            startProcess({ ...common, name: 'a second worker', args: ['worker', 'start'], ready: null }),
            signal,
          ),
        ),
      startFloor: (name, env = {}) =>
        started(
          startProcess({
            name: `the floor ${name}`,
            script: built(`bench/dist/${name}.js`),
            signal,
            ready: /^ready (\S*)$/m,
            env: { ...floorEnv, DATABASE_URL: embedded.url, ...env },
          }),
        ),
    })
  } catch (error) {
    if (!signal.aborted) for (const line of sparkProblems()) progress(`Spark said: ${line}`)
    throw error
  } finally {
    progress('stopping')
    for (const close of closers.reverse()) {
      await Promise.resolve(close()).catch((error: unknown) =>
        progress(`could not be closed: ${error instanceof Error ? error.message : String(error)}`),
      )
    }
  }
}

/** Waits until the API lists the worker. */
const untilListed = async (client: Spark, starting: Promise<Running>, signal: AbortSignal): Promise<Running> => {
  const worker = await starting
  try {
    for (const began = performance.now(); ; await sleep(POLL_MS, undefined, { signal })) {
      const { items } = await client.workers.list()
      if (items.some(({ pid }) => pid === worker.pid)) return worker
      if (performance.now() - began > WORKER_MS)
        throw new Error(`the second worker was not listed within ${WORKER_MS / 1_000} s`)
    }
  } catch (error) {
    await worker.stop()
    throw error
  }
}

const KEPT_PROBLEMS = 10

/** The last warnings and errors of Spark's log, read before the folder is removed. */
const problemsIn = (logFile: string): string[] => {
  if (!existsSync(logFile)) return []
  const lines = readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !/"level":"?(10|20|30|trace|debug|info)\b/.test(line))
  return lines.slice(-KEPT_PROBLEMS)
}
