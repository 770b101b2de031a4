import type { WakeUps } from '@automagik-spark/engine'
import { makeDbClock } from '@automagik-spark/engine'
import type { EngineStackOptions } from '@automagik-spark/engine/testing'
import { openEngineStack } from '@automagik-spark/engine/testing'
import { makeLogger } from '@automagik-spark/runtime'
import { useFixture } from '@automagik-spark/testing/fixture'
import type { RunningWorker, WorkerTimes } from '../src/worker.ts'
import { startWorker } from '../src/worker.ts'

export { clear, moveClock, newSchedule } from '@automagik-spark/engine/testing'
export { until } from '@automagik-spark/testing'

/** Short, so that a dead worker is noticed within seconds. */
const TEST_TIMES: WorkerTimes = {
  leaseMs: 2_000,
  graceMs: 500,
  reconcileMs: 200,
  drainMs: 2_000,
  checkMs: 60_000,
}

type Options = Omit<EngineStackOptions, 'logger'> & {
  maxOutputBytes?: number
  /** What is logged, line by line, from `info` on. */
  onLog?: (line: Record<string, unknown>) => void
}

const loggerFor = (onLog: Options['onLog']) =>
  onLog
    ? makeLogger({
        level: 'info',
        format: 'json',
        destination: { write: (line) => onLog(JSON.parse(line) as Record<string, unknown>) },
      }) // what pino writes is an object
    : makeLogger({ level: process.env.TEST_LOG === undefined ? 'silent' : 'debug', format: 'json' })

/** The engine on real parts, and as many workers as a test starts. The caller closes it. */
export const openStack = async ({ maxOutputBytes = 1_048_576, onLog, recover, ...options }: Options = {}) => {
  const stack = await openEngineStack({ ...options, recover, logger: loggerFor(onLog) })
  const { common, clock, engine, stub, url } = stack
  const workers: { worker: RunningWorker; wakeUps: WakeUps }[] = []
  const stopWorker = async (worker: RunningWorker) => {
    const at = workers.findIndex((one) => one.worker === worker)
    const [found] = workers.splice(at, 1)
    await found!.wakeUps.stop()
    await worker.stop()
  }
  const stopWorkers = async (): Promise<void> => {
    await Promise.all([...workers].map(({ worker }) => stopWorker(worker)))
  }

  return {
    ...stack,
    /**
     * `through`: another way to the same PostgreSQL, for its statements and its LISTEN; its wake-ups go straight there.
     * `clockAheadMs`: what its machine's own clock shows too much.
     */
    async addWorker({
      fallback = true,
      concurrency = 20,
      times = {},
      through = url,
      clockAheadMs = 0,
    } = {}): Promise<RunningWorker> {
      const ownClock = clockAheadMs === 0 ? clock : makeDbClock(() => Date.now() + clockAheadMs)
      const wakeUps = stack.newWakeUps(ownClock)
      const worker = await startWorker({
        ...common,
        clock: ownClock,
        url: through,
        wakeUps,
        hostname: 'test',
        pid: process.pid,
        concurrency,
        ...(recover && { recovering_types: ['langflow'] as const }),
        maxOutputBytes,
        times: { ...TEST_TIMES, ...times },
        fallback,
      })
      await engine.health.check() // so that runs are waited for from now on
      workers.push({ worker, wakeUps })
      return worker
    },
    /** Those that a test started and has not stopped. */
    workers: (): readonly RunningWorker[] => workers.map(({ worker }) => worker),
    stopWorker,
    stopWorkers,
    async close() {
      stub.release()
      await stopWorkers()
      await stack.close()
    },
  }
}
export type Stack = Awaited<ReturnType<typeof openStack>>

/** A stack for the tests of a file, or of a `describe` block. */
export const useStack = (options?: Options): Stack => useFixture(() => openStack(options))
