import { setTimeout as sleep } from 'node:timers/promises'
import { cpuBetween } from './cpu.ts'
import type { FlowLog } from './flow-log.ts'
import { startsOf } from './starts.ts'
import type { Starts } from './starts.ts'
import type { Surroundings } from './surroundings.ts'

/** `cpu_ms` is for one run, from a second before it is due until all that came of it is written. */
export type Fired = Starts & { cpu_ms: { node: number; postgres: number } | null }

const LEAD_MS = 1_000
const LOOK_MS = 1_000
/** Nothing came for so long: what is missing is missed. */
const PATIENCE_MS = 30_000
/** So long after the last expected call a second one for the same due time would have come. */
const AFTERMATH_MS = 3_000

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
  const { signal, database, cpu } = surroundings
  const at = Math.max(...due.values())
  await sleep(Math.max(at - LEAD_MS - Date.now(), 0), undefined, { signal })
  const before = cpu(...pids)
  await sleep(Math.max(at - Date.now(), 0), undefined, { signal })

  for (let count = 0, cameAt = performance.now(); count < due.size && performance.now() - cameAt < PATIENCE_MS; ) {
    await sleep(LOOK_MS, undefined, { signal })
    const now = await flows.count()
    if (now > count) cameAt = performance.now()
    count = now
  }
  const isOver = async () => (await database.client.query<{ left: number }>(`SELECT (${left})::int AS left`)).rows[0]?.left === 0
  for (const began = performance.now(); !(await isOver()); await sleep(LOOK_MS / 4, undefined, { signal })) {
    if (performance.now() - began > PATIENCE_MS) throw new Error(`what was started was not over within ${PATIENCE_MS / 1_000} s`)
  }
  const used = cpuBetween(before, cpu(...pids))

  await sleep(AFTERMATH_MS, undefined, { signal })
  const starts = startsOf(await flows.runs(), due)
  return { ...starts, cpu_ms: used && { node: used.node_ms / starts.started, postgres: used.postgres_ms / starts.started } }
}
