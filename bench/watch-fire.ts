import { setTimeout as sleep } from 'node:timers/promises'
import { cpuBetween } from './cpu.ts'
import type { FlowLog } from './flow-log.ts'
import type { Stack } from './stack.ts'
import type { Starts } from './starts.ts'
import { startsOf } from './starts.ts'

export type Fired = Starts & {
  /** Jobs that were not finished when the wait ended. */
  unfinished: number
  /** For one run: from a second before the due time until the last result was written. */
  cpu_ms: { node: number; postgres: number } | null
}

const LEAD_MS = 1_000
const POLL_MS = 1_000
/** When no call came for this long, the rest counts as missed. Agenda locks job after job before it runs the first: 10,000 take most of a minute. */
const TIMEOUT_MS = 120_000
/** How long jobs may take to finish once all calls have come. */
const FINISH_MS = 30_000
/** How long after the last expected call a second one for the same due time is still counted. */
const LATE_CALLS_MS = 3_000

/** SQL that counts Spark's runs that are not over. */
export const OPEN_TASKS = `SELECT count(*) FROM tasks WHERE status IN ('pending', 'running')`

/** @param left SQL that counts the jobs that are not over */
export const countLeft = async ({ database }: Pick<Stack, 'database'>, left: string): Promise<number> =>
  (await database.client.query<{ left: number }>(`SELECT (${left})::int AS left`)).rows[0]?.left ?? 0

type Args = {
  stack: Stack
  flows: FlowLog
  /** When each job is due, by its session: all at one time. */
  due: ReadonlyMap<string, number>
  /** The processes whose CPU counts, beside PostgreSQL. */
  pids: number[]
  /** SQL that counts the jobs that are not over. */
  left: string
}

/** Watches one fire, in the same way for Spark and for its floors. The caller has cleared the flow server's log. */
export const watchFire = async ({ stack, flows, due, pids, left }: Args): Promise<Fired> => {
  const { signal, cpu } = stack
  const at = Math.max(...due.values())
  await sleep(Math.max(at - LEAD_MS - Date.now(), 0), undefined, { signal })
  const before = cpu(...pids)
  await sleep(Math.max(at - Date.now(), 0), undefined, { signal })

  for (let count = 0, cameAt = performance.now(); count < due.size && performance.now() - cameAt < TIMEOUT_MS;) {
    await sleep(POLL_MS, undefined, { signal })
    const now = await flows.count()
    if (now > count) cameAt = performance.now()
    count = now
  }
  let unfinished = await countLeft(stack, left)
  for (
    const began = performance.now();
    unfinished > 0 && performance.now() - began < FINISH_MS;
    unfinished = await countLeft(stack, left)
  ) {
    await sleep(POLL_MS / 4, undefined, { signal })
  }
  const used = cpuBetween(before, cpu(...pids))

  await sleep(LATE_CALLS_MS, undefined, { signal })
  const starts = startsOf(await flows.runs(), due)
  return {
    ...starts,
    unfinished,
    cpu_ms: used && { node: used.node_ms / starts.started, postgres: used.postgres_ms / starts.started },
  }
}
