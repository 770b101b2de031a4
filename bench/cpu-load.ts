import { setTimeout as sleep } from 'node:timers/promises'
import { cpuBetween } from './cpu.ts'
import type { Surroundings } from './surroundings.ts'

/** Percent of one core. */
export type Load = { node: number; postgres: number; both: number }

/** What processes and PostgreSQL use over a while. Null where the system doesn't tell. */
export const loadOver = async ({ cpu, signal }: Surroundings, pids: number[], ms: number): Promise<Load | null> => {
  const began = performance.now()
  const before = cpu(...pids)
  await sleep(ms, undefined, { signal })
  const used = cpuBetween(before, cpu(...pids))
  const percent = (usedMs: number) => (usedMs / (performance.now() - began)) * 100
  return (
    used && {
      node: percent(used.node_ms),
      postgres: percent(used.postgres_ms),
      both: percent(used.node_ms + used.postgres_ms),
    }
  )
}
