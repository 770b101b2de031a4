import { setTimeout as sleep } from 'node:timers/promises'
import { cpuBetween } from './cpu.ts'
import type { Stack } from './stack.ts'

/** Percent of one core. */
export type CpuLoad = { node: number; postgres: number; both: number }

/** CPU of these processes and of PostgreSQL over `ms`. Null on systems other than Linux. */
export const cpuLoadOver = async ({ cpu, signal }: Stack, pids: number[], ms: number): Promise<CpuLoad | null> => {
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
