import { setTimeout as sleep } from 'node:timers/promises'
import type { StubLangflow } from '@automagik-spark/testing'
import type { Chance } from './chance.ts'
import type { Supervised } from './supervised.ts'

export type Big = { name: string; run: () => Promise<void> }
type Deps = {
  seconds: number
  leastSignals: number
  chance: Chance
  processes: Supervised[]
  stub: StubLangflow
  big: Big[]
  progress: (line: string) => void
  signal: AbortSignal
}
export type Struck = { kills: number; freezes: number; terms: number; big: string[] }

/** A signal every so often: some 45 in a minute. */
const PAUSE_MS = { least: 700, most: 1_900 }
const FREEZE_MS = { least: 1_000, most: 8_000 }
const ROUND_SECONDS = 60
const AT_START = 0.1

/** Signals at random to processes at random, for so long; each of the big things once in each minute. */
export const rage = async ({
  seconds,
  leastSignals,
  chance,
  processes,
  stub,
  big,
  progress,
  signal,
}: Deps): Promise<Struck> => {
  const struck: Struck = { kills: 0, freezes: 0, terms: 0, big: [] }
  const begin = performance.now()
  const sinceMs = () => performance.now() - begin

  const signals = async () => {
    // Where starting takes long, it storms on until there were as many signals as are wanted.
    const isEnough = () => sinceMs() >= seconds * 1000 && struck.kills + struck.freezes + struck.terms >= leastSignals
    for (let next = 0; !isEnough() && !signal.aborted;) {
      next += chance.between(PAUSE_MS.least, PAUSE_MS.most)
      await sleep(Math.max(0, next - sinceMs()), undefined, { signal }).catch(() => undefined)
      // Mostly such as are up: on a slow machine nothing would ever be, if each were struck while it starts.
      const atStart = chance.random() < AT_START
      const [first, ...others] = processes.filter((one) => one.isUp() || (atStart && one.isAlive()))
      if (!first) continue
      const process = chance.one([first, ...others])
      const [which, ms] = [chance.random(), chance.between(FREEZE_MS.least, FREEZE_MS.most)]
      if (which < 0.4) {
        struck.kills++
        process.kill()
      } else if (which < 0.8) {
        struck.freezes++
        process.freeze(ms)
      } else {
        struck.terms++
        process.terminate()
      }
      const mood = chance.random()
      if (mood < 0.1) await stub.set({ busy: { status: 503, retry_after: 1 } })
      else await stub.set({ busy: null, slow: chance.one([null, null, 100, 400, 1_500]) })
    }
  }
  const bigOnes = async () => {
    for (let round = 0; round * ROUND_SECONDS < seconds && !signal.aborted; round++) {
      for (const [i, { name, run }] of big.entries()) {
        const at = (round + (i + 1) / (big.length + 1)) * Math.min(ROUND_SECONDS, seconds) * 1000
        await sleep(Math.max(0, at - sinceMs()), undefined, { signal }).catch(() => undefined)
        if (signal.aborted || at > seconds * 1000) return
        progress(`${Math.round(sinceMs() / 1000)} s: ${name}`)
        struck.big.push(name)
        await run()
      }
    }
  }
  await Promise.all([signals(), bigOnes()])
  stub.clearSwitches()
  stub.release()
  for (const process of processes) process.thaw()
  return struck
}
