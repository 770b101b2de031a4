import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from '@automagik-spark/db'
import { endLeases } from '@automagik-spark/db'
import type { Logger } from '@automagik-spark/engine'
import type { Heartbeat } from './heartbeat.ts'
import type { Runner } from './runner.ts'
import type { Settler } from './settle.ts'

type Deps = {
  sql: Sql
  logger: Logger
  runner: Runner
  heartbeat: Heartbeat
  settler: Pick<Settler, 'release'>
  worker_id: string
  /** How long runs in hand may take to end by themselves. */
  drainMs: number
}

/** How long aborted calls may take to end, after the drain time. */
const LAST_WAIT_MS = 1_000

/** Claims nothing more and waits for the runs in hand. At the end of the drain time, tasks that were not sent are released, and the leases of the others end. */
export const makeDrain = ({ sql, logger, runner, heartbeat, settler, worker_id, drainMs }: Deps) => {
  const isEmptyWithin = async (ms: number, everyMs: number): Promise<void> => {
    const until = performance.now() + ms
    while (runner.count() > 0 && performance.now() < until) await sleep(everyMs)
  }

  return async (): Promise<void> => {
    await runner.close()
    heartbeat.setStatus('draining')
    await heartbeat.quietly()
    if (runner.count() > 0)
      logger.info({ tasks: runner.count(), at_most_s: drainMs / 1000 }, 'waiting for the runs in hand')
    await isEmptyWithin(drainMs, Math.min(50, drainMs))
    const rest = runner.inHand()
    if (rest.length === 0) return
    logger.warn({ tasks: rest.length }, 'runs were not over when the drain time was')
    // Before the leases end, so that no heartbeat prolongs one again and this process writes nothing more.
    for (const { task } of rest) runner.stop(task.id, 'gone')
    await isEmptyWithin(LAST_WAIT_MS, 20)
    const unsent = rest.filter((entry) => entry.phase === 'claimed').map(({ task }) => task)
    await settler.release(unsent, 'the worker was shut down before the call')
    const ids = rest.map(({ task }) => task.id)
    await endLeases(sql, worker_id, ids).catch((error: unknown) =>
      logger.warn({ err: error }, 'leases could not be ended; they will run out'),
    )
  }
}
