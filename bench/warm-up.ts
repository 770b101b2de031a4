import { setTimeout as sleep } from 'node:timers/promises'
import { createSchedules, names } from './create.ts'
import { countLeft, OPEN_TASKS } from './fire.ts'
import { WARM_UP_JOBS } from './floor/env.ts'
import { warmUp } from './load.ts'
import { openRunners } from './runners.ts'
import type { Surroundings } from './surroundings.ts'

const FIRES = 3
const EVERY_S = 5
/** Time to create the schedules of the warm-up. */
const AHEAD_MS = 15_000
const PATIENCE_MS = 120_000

/** Some runs by hand, so that the first measured ones are not the first of all. */
export const warmUpRuns = async (surroundings: Surroundings): Promise<void> => {
  const { spark, close } = openRunners(surroundings)
  await warmUp([spark], surroundings.signal).finally(close)
}

/** Some fires: schedules that are due together, several times. */
export const warmUpFires = async (surroundings: Surroundings): Promise<void> => {
  const { signal } = surroundings
  const start_at = new Date(Math.ceil((Date.now() + AHEAD_MS) / 1_000) * 1_000).toISOString()
  const sessions = names(`warm-up-${start_at}`, WARM_UP_JOBS / FIRES)
  await createSchedules(
    surroundings,
    sessions.map((session_id) => ({
      session_id,
      schedule_type: 'interval',
      schedule_expr: `${EVERY_S}s`,
      start_at,
      max_runs: FIRES,
    })),
  )
  // A schedule of the warm-up is active until it has run its last time.
  const left = `(${OPEN_TASKS}) + (SELECT count(*) FROM schedules WHERE status = 'active' AND max_runs = ${FIRES})`
  for (
    const began = performance.now();
    (await countLeft(surroundings, left)) > 0;
    await sleep(250, undefined, { signal })
  ) {
    if (performance.now() - began > PATIENCE_MS) throw new Error('the fires of the warm-up were not over in time')
  }
}
