import type { SourceWork, Sql } from '@automagik-spark/db'
import { failManualRuns, failOverdue, findSourceWork, showReachedAsUp } from '@automagik-spark/db'
import type { Logger } from '@automagik-spark/engine'

type Deps = { sql: Sql; logger: Logger }

/** Fails tasks that wait for a server that is down. Health checks alone suspend and release sources. */
export const makeCircuitBreakers = ({ sql, logger }: Deps) => {
  const act = async ({ seen_up, waiting }: SourceWork): Promise<void> => {
    if (seen_up) await showReachedAsUp(sql)
    if (waiting) await failManualRuns(sql)
  }

  return {
    /** Does the work that the reconciler found. */
    act,
    /** Finds its work and does it, after calls ended. */
    async review(): Promise<void> {
      await act(await findSourceWork(sql))
    },
    /** After a health check: manual runs that waited for it fail. */
    failManualRuns: (): Promise<string[]> => failManualRuns(sql),
    /** Fails tasks whose server has been down for longer than they may be late. */
    async failOverdue(): Promise<void> {
      for (const task_id of await failOverdue(sql))
        logger.warn({ task_id }, 'task failed: its server was down for longer than it may be late')
    },
  }
}
export type CircuitBreakers = ReturnType<typeof makeCircuitBreakers>
