import type { SourceWork, Sql } from '@automagik-spark/db'
import { failManualRuns, failOverdue, findSourceWork, showReachedAsUp } from '@automagik-spark/db'
import type { Logger } from '@automagik-spark/engine'

type Deps = { sql: Sql; logger: Logger }

/** Ends what would wait in vain for a server that is down. Holding and releasing sources is the business of their checks. */
export const makeHolds = ({ sql, logger }: Deps) => {
  const act = async ({ seen_up, waiting }: SourceWork): Promise<void> => {
    if (seen_up) await showReachedAsUp(sql)
    if (waiting) await failManualRuns(sql)
  }

  return {
    /** Does what was found to be done: every second. */
    act,
    /** After calls ended. */
    async look(): Promise<void> {
      await act(await findSourceWork(sql))
    },
    /** After a check: whoever waited for it is told. */
    failManualRuns: (): Promise<string[]> => failManualRuns(sql),
    /** Now and then. */
    async failOverdue(): Promise<void> {
      for (const task_id of await failOverdue(sql))
        logger.warn({ task_id }, 'task failed: its server was down for longer than it may be late')
    },
  }
}
export type Holds = ReturnType<typeof makeHolds>
