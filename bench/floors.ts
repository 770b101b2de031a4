import { allAt, names } from './create.ts'
import type { Fired } from './fire.ts'
import { watchFire } from './fire.ts'
import type { FlowLog } from './flow-log.ts'
import type { Running } from './processes.ts'
import type { Surroundings } from './surroundings.ts'

/** The floors that start jobs at their time. Each says when the first is due, and counts by `left` what is not over. */
export const FLOORS = {
  table: { program: 'job-runner', left: `SELECT count(*) FROM bench_jobs WHERE status <> 'done'` },
  agenda: { program: 'agenda-runner', left: 'SELECT count(*) FROM bench_agenda WHERE last_finished_at IS NULL' },
} as const
export type Floor = keyof typeof FLOORS

/**
 * So long before it is due nothing is done, by Spark and by its floors alike: after half a minute Node gives memory and compiled code back, and
 * what comes then costs half as much again, or twice.
 */
export const REST_MS = 45_000

type Jobs = {
  count: number
  /** So far apart are the first and the last; all at one time unless given. */
  spreadMs?: number
  /** How long from now, at least, until the first is due. */
  aheadMs: number
}

export const startJobs = async (
  surroundings: Surroundings,
  floor: Floor,
  { count, spreadMs = 0, aheadMs }: Jobs,
): Promise<Running & { due: number }> => {
  const running = await surroundings.startFloor(FLOORS[floor].program, {
    JOBS: String(count),
    SPREAD_MS: String(spreadMs),
    AHEAD_MS: String(aheadMs),
  })
  return { ...running, due: Number(running.said) }
}

/** So many jobs at one time. */
export const fireFloor = async (
  surroundings: Surroundings,
  flows: FlowLog,
  floor: Floor,
  count: number,
): Promise<Fired> => {
  const { due, pid, stop } = await startJobs(surroundings, floor, { count, aheadMs: REST_MS })
  try {
    await flows.clear()
    return await watchFire({
      surroundings,
      flows,
      due: allAt(names('floor', count), due),
      pids: [pid],
      left: FLOORS[floor].left,
    })
  } finally {
    await stop()
  }
}
