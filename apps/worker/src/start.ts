import type { Foundation } from '@automagik-spark/runtime'
import { VERSION } from '@automagik-spark/runtime'
import type { RunningWorker } from './worker.ts'
import { startWorker, WORKER_TIMES } from './worker.ts'

/** A worker on what `boot` opened. Its wake-ups are stopped first, so that nothing is fired while it drains. */
export const makeWorker = async (
  foundation: Foundation,
  { hostname, pid }: { hostname: string; pid: number },
): Promise<{ stop: () => Promise<void> }> => {
  const { config, wakeUps } = foundation
  const worker: RunningWorker = await startWorker({
    ...foundation,
    hostname,
    pid,
    version: VERSION,
    concurrency: config.worker_concurrency,
    maxOutputBytes: config.max_output_bytes,
    times: { ...WORKER_TIMES, drainMs: config.drain_timeout_seconds * 1000 },
  })
  return {
    async stop() {
      await wakeUps.stop()
      await worker.stop()
    },
  }
}
