import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkerTimes } from '@automagik-spark/worker'
import type { Victim, Victims } from '../crash/victims.ts'

type Deps = { name: string; role: 'api' | 'worker'; victims: Victims; env: Record<string, string>; times: WorkerTimes }
const RESTART_MS = 200

/** A process that is started again whenever it ends, as a supervisor would. */
export const supervise = ({ name, role, victims, env, times }: Deps) => {
  let victim: Victim | null = null
  let isClosing = false
  let isUp = false
  let isEnding = false
  let thaw: NodeJS.Timeout | undefined
  const deaths: string[] = []
  const counts = { starts: 0, failed_starts: 0 }

  const living = (async () => {
    while (!isClosing) {
      counts.starts++
      const mine = await victims.start(role, env, times)
      victim = mine
      await mine.up.then(
        () => (isUp = true),
        () => undefined,
      )
      const code = await mine.exited
      victim = null
      // Without PostgreSQL it cannot start, and says so; once it is up nothing but us may end it.
      if (!isUp && !isEnding) counts.failed_starts++
      else if (!isEnding) deaths.push(`${name} ended by itself with ${code}:\n${mine.output()}`)
      isUp = isEnding = false
      await sleep(RESTART_MS)
    }
  })()
  living.catch((error: unknown) => deaths.push(`${name}: ${String(error)}`))
  const signal = (which: NodeJS.Signals) => void victim?.child.kill(which)
  const end = (which: NodeJS.Signals) => {
    if (!victim) return
    isEnding = true
    signal(which)
  }

  return {
    name,
    counts,
    /** Ends that nobody asked for. */
    deaths: deaths as readonly string[],
    isUp: () => victim !== null && isUp && !isEnding,
    isAlive: () => victim !== null,
    kill: () => end('SIGKILL'),
    terminate: () => end('SIGTERM'),
    freeze(ms: number) {
      clearTimeout(thaw)
      const mine = victim
      signal('SIGSTOP')
      thaw = setTimeout(() => mine?.child.kill('SIGCONT'), ms)
    },
    thaw: () => signal('SIGCONT'),
    output: () => victim?.output() ?? '',
    async close() {
      isClosing = true
      clearTimeout(thaw)
      signal('SIGCONT')
      end('SIGTERM')
      const killer = setTimeout(() => signal('SIGKILL'), 15_000)
      await living.catch(() => undefined)
      clearTimeout(killer)
    },
  }
}
export type Supervised = ReturnType<typeof supervise>
