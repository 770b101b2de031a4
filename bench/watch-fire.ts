import { setTimeout as sleep } from 'node:timers/promises'
import { cpuBetween } from './cpu.ts'
import type { FlowLog } from './flow-log.ts'
import type { Starts } from './starts.ts'
import { startsOf } from './starts.ts'
import type { Surroundings } from './surroundings.ts'

export type Fired = Starts & {
  /** Not over when the waiting was. */
  unfinished: number
  /** For one run, from a second before it is due until all that came of it is written. */
  cpu_ms: { node: number; postgres: number } | null
}

const LEAD_MS = 1_000
const LOOK_MS = 1_000
/** Nothing came for so long: what is missing is missed. Agenda locks job after job before it runs the first, 10,000 for most of a minute. */
const PATIENCE_MS = 120_000
/** Once all have come, they have so long to be over. */
const FINISH_MS = 30_000
/** So long after the last expected call a second one for the same due time would have come. */
const AFTERMATH_MS = 3_000

/** Spark's runs that are not over, in SQL. */
export const OPEN_TASKS = `SELECT count(*) FROM tasks WHERE status IN ('pending', 'running')`

/** `left`: SQL that counts what is not over. */
export const countLeft = async ({ database }: Pick<Surroundings, 'database'>, left: string): Promise<number> =>
  (await database.client.query<{ left: number }>(`SELECT (${left})::int AS left`)).rows[0]?.left ?? 0

type Args = {
  surroundings: Surroundings
  flows: FlowLog
  /** When each job is due, by the session that names it: all at one time. */
  due: ReadonlyMap<string, number>
  /** Whose CPU counts, beside that of PostgreSQL. */
  pids: number[]
  /** SQL that counts the jobs that are not over. */
  left: string
}

/** Watches one fire, the same way for Spark and for its floors. The flow server's log was cleared before. */
export const watchFire = async ({ surroundings, flows, due, pids, left }: Args): Promise<Fired> => {
  const { signal, cpu } = surroundings
  const at = Math.max(...due.values())
  await sleep(Math.max(at - LEAD_MS - Date.now(), 0), undefined, { signal })
  const before = cpu(...pids)
  await sleep(Math.max(at - Date.now(), 0), undefined, { signal })

  for (let count = 0, cameAt = performance.now(); count < due.size && performance.now() - cameAt < PATIENCE_MS;) {
    await sleep(LOOK_MS, undefined, { signal })
    const now = await flows.count()
    if (now > count) cameAt = performance.now()
    count = now
  }
  let unfinished = await countLeft(surroundings, left)
  for (
    const began = performance.now();
    unfinished > 0 && performance.now() - began < FINISH_MS;
    unfinished = await countLeft(surroundings, left)
  ) {
    await sleep(LOOK_MS / 4, undefined, { signal })
  }
  const used = cpuBetween(before, cpu(...pids))

  await sleep(AFTERMATH_MS, undefined, { signal })
  const starts = startsOf(await flows.runs(), due)
  return {
    ...starts,
    unfinished,
    cpu_ms: used && { node: used.node_ms / starts.started, postgres: used.postgres_ms / starts.started },
  }
}
