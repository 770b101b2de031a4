import { setTimeout as sleep } from 'node:timers/promises'
import { createSchedules, names } from './create-schedules.ts'
import { WARM_UP_JOBS } from './floor/env.ts'
import { warmUp } from './load.ts'
import { openRunTargets } from './run-targets.ts'
import type { Stack } from './stack.ts'
import { countLeft, OPEN_TASKS } from './watch-fire.ts'

const FIRES = 3
const EVERY_S = 5
/** Time to create the schedules of the warm-up. */
const AHEAD_MS = 15_000
const TIMEOUT_MS = 120_000

/** Makes some manual runs, so that the measured ones are not the first. */
export const warmUpRuns = async (stack: Stack): Promise<void> => {
  const { spark, close } = openRunTargets(stack)
  await warmUp([spark], stack.signal).finally(close)
}

/** Makes some fires: schedules that are due together, several times. */
export const warmUpFires = async (stack: Stack): Promise<void> => {
  const { signal } = stack
  const start_at = new Date(Math.ceil((Date.now() + AHEAD_MS) / 1_000) * 1_000).toISOString()
  const sessions = names(`warm-up-${start_at}`, WARM_UP_JOBS / FIRES)
  await createSchedules(
    stack,
    sessions.map((session_id) => ({
      session_id,
      schedule_type: 'interval',
      schedule_expr: `${EVERY_S}s`,
      start_at,
      max_runs: FIRES,
    })),
  )
  // A schedule of the warm-up stays active until its last run.
  const left = `(${OPEN_TASKS}) + (SELECT count(*) FROM schedules WHERE status = 'active' AND max_runs = ${FIRES})`
  for (const began = performance.now(); (await countLeft(stack, left)) > 0; await sleep(250, undefined, { signal })) {
    if (performance.now() - began > TIMEOUT_MS) throw new Error('the fires of the warm-up did not end in time')
  }
}
