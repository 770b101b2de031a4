import { sourcesToTend, tendBreakers, turnAway } from '@automagik-spark/db'
import type { SourcesToTend, Sql } from '@automagik-spark/db'
import type { Logger } from '../logger.ts'

type Deps = {
  sql: Sql
  logger: Logger
  /** A source may be back at these seconds. */
  arm: (seconds: Date[]) => void
  /** A hold is over: what waited for it is due. */
  onReleased: () => void
  breakerMs: number
}

/** Holds sources to which nothing can be sent, lets them go when they take calls again, and turns away who would wait in vain. */
export const makeHolds = ({ sql, logger, arm, onReleased, breakerMs }: Deps) => {
  const tend = async (): Promise<void> => {
    const turns = await tendBreakers(sql, breakerMs)
    for (const { source_id, held, until, reason } of turns) {
      if (held) logger.warn({ source_id, until, reason }, 'source is held: its calls could not be sent')
      else logger.info({ source_id }, 'source takes calls again')
    }
    const seconds = turns.flatMap(({ until }) => until ?? [])
    if (seconds.length > 0) arm(seconds)
    if (turns.some(({ held }) => !held)) onReleased()
  }

  const act = async ({ breakers, waiting }: SourcesToTend): Promise<void> => {
    if (breakers) await tend()
    if (breakers || waiting) await turnAway(sql)
  }

  return {
    /** Does what was found to be done: every second, as it follows what the calls of all workers have counted. */
    act,
    /** After calls ended. */
    async look(): Promise<void> {
      await act(await sourcesToTend(sql))
    },
  }
}
export type Holds = ReturnType<typeof makeHolds>
