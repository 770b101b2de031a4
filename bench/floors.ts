import { allAt, names } from './create-schedules.ts'
import type { FlowLog } from './flow-log.ts'
import type { Running } from './processes.ts'
import type { Stack } from './stack.ts'
import type { Fired } from './watch-fire.ts'
import { watchFire } from './watch-fire.ts'

/** The floors that start jobs at their time. Each prints when the first is due; the SQL `left` counts its jobs that are not over. */
export const FLOORS = {
  table: { program: 'table-runner', left: `SELECT count(*) FROM bench_jobs WHERE status <> 'done'` },
  agenda: { program: 'agenda-runner', left: 'SELECT count(*) FROM bench_agenda WHERE last_finished_at IS NULL' },
} as const
export type Floor = keyof typeof FLOORS

/**
 * How long Spark and its floors rest before a fire. After half a minute Node gives memory and compiled code back, and the next work costs
 * half as much again, or twice.
 */
export const REST_MS = 45_000

type Jobs = {
  count: number
  /** Time between the first and the last due time; all are due at one time unless given. */
  spreadMs?: number
  /** The first is due at least this long from now. */
  aheadMs: number
}

export const startJobs = async (
  stack: Stack,
  floor: Floor,
  { count, spreadMs = 0, aheadMs }: Jobs,
): Promise<Running & { due: number }> => {
  const running = await stack.startFloor(FLOORS[floor].program, {
    JOBS: String(count),
    SPREAD_MS: String(spreadMs),
    AHEAD_MS: String(aheadMs),
  })
  return { ...running, due: Number(running.said) }
}

/** Fires `count` jobs of a floor at one time. */
export const fireFloor = async (stack: Stack, flows: FlowLog, floor: Floor, count: number): Promise<Fired> => {
  const { due, pid, stop } = await startJobs(stack, floor, { count, aheadMs: REST_MS })
  try {
    await flows.clear()
    return await watchFire({
      stack,
      flows,
      due: allAt(names('floor', count), due),
      pids: [pid],
      left: FLOORS[floor].left,
    })
  } finally {
    await stop()
  }
}
