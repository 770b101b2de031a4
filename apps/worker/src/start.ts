import type { Foundation, RunningWorker } from '@automagik-spark/engine'
import { startWorker, VERSION, WORKER_TIMES } from '@automagik-spark/engine'

/** A worker on what `boot` opened. Its queue is stopped first, so that nothing is fired while it drains. */
export const makeWorker = async (
  foundation: Foundation,
  { hostname, pid }: { hostname: string; pid: number },
): Promise<{ stop: () => Promise<void> }> => {
  const { config, queue } = foundation
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
      await queue.stop()
      await worker.stop()
    },
  }
}
