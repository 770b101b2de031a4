import type { Db } from '@automagik-spark/db'
import type { Logger } from '@automagik-spark/engine'

/** Pauses schedules whose runs failed too often, or whose flow is gone. */
export const makePauseFailing =
  ({ schedules, logger }: { schedules: Pick<Db['schedules'], 'pauseFailing'>; logger: Logger }) =>
  async (): Promise<void> => {
    for (const schedule_id of await schedules.pauseFailing())
      logger.warn({ schedule_id }, 'schedule is paused: its runs failed too often, or its flow is gone')
  }
export type PauseFailing = ReturnType<typeof makePauseFailing>
