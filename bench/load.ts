import { Pool } from 'undici'
import type { Cpu } from './cpu.ts'
import { cpuBetween } from './cpu.ts'
import type { Spread } from './statistics.ts'
import { spreadOf, sum } from './statistics.ts'

export type Answer = { status: number; body: Buffer }
export type Caller = { call: (path: string, body?: string) => Promise<Answer>; close: () => Promise<void> }

/** Calls one server over kept connections and reads each body to its end. The same for Spark and for its floors. */
export const makeCaller = (
  url: string,
  { connections, headers }: { connections: number; headers: Record<string, string> },
): Caller => {
  const pool = new Pool(url, { connections, pipelining: 1, headersTimeout: 120_000, bodyTimeout: 120_000 })
  const json = { ...headers, 'content-type': 'application/json' }
  return {
    async call(path, body) {
      const answer = await pool.request({
        path,
        method: body === undefined ? 'GET' : 'POST',
        headers: body === undefined ? headers : json,
        body: body ?? null,
      })
      return { status: answer.statusCode, body: Buffer.from(await answer.body.arrayBuffer()) }
    },
    close: () => pool.destroy(),
  }
}

/** How many callers at once the parts `tasks`, `runs` and `overhead` use. */
export const AT_ONCE = [1, 16, 64] as const

/** One of the two that are compared. */
export type Target = {
  /** Makes one request. @throws when the answer is wrong */
  once: () => Promise<void>
  cpu: () => Cpu | null
}
type Slice = { times: number[]; ms: number; cpu: Cpu | null }
export type Measured = Spread & { count: number; per_second: number; cpu_ms: { node: number; postgres: number } | null }

/** Runs `atOnce` callers for `ms`; each sends its next request as soon as it has its answer. */
const slice = async ({ once, cpu }: Target, atOnce: number, ms: number, signal: AbortSignal): Promise<Slice> => {
  const times: number[] = []
  const before = cpu()
  const start = performance.now()
  const caller = async () => {
    while (performance.now() - start < ms) {
      signal.throwIfAborted()
      const asked = performance.now()
      await once()
      times.push(performance.now() - asked)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, caller))
  const took = performance.now() - start
  return { times, ms: took, cpu: cpuBetween(before, cpu()) }
}

const measured = (slices: Slice[]): Measured => {
  const times = slices.flatMap((one) => one.times)
  const cpus = slices.flatMap(({ cpu }) => cpu ?? [])
  const each = (part: keyof Cpu) => sum(cpus.map((cpu) => cpu[part])) / times.length
  return {
    count: times.length,
    per_second: times.length / (sum(slices.map(({ ms }) => ms)) / 1_000),
    ...spreadOf(times),
    cpu_ms: cpus.length === slices.length ? { node: each('node_ms'), postgres: each('postgres_ms') } : null,
  }
}

const WARM_UP_MS = 4_000
const WARM_UP_AT_ONCE = 32

/** Warms compilers and caches before anything counts: Node runs new code several times slower. */
export const warmUp = async (targets: Target[], signal: AbortSignal): Promise<void> => {
  for (const target of targets) await slice(target, WARM_UP_AT_ONCE, WARM_UP_MS, signal)
}

export type Compared = { at_once: number; spark: Measured; floor: Measured }

/** Measures in halves (floor, Spark, Spark, floor), so that other work on the machine hits both. */
export const compare = async (args: {
  spark: Target
  floor: Target
  atOnce: number
  seconds: number
  signal: AbortSignal
}): Promise<{ spark: Measured; floor: Measured }> => {
  const half = (target: Target) => slice(target, args.atOnce, args.seconds * 500, args.signal)
  const floor = [await half(args.floor)]
  const spark = [await half(args.spark), await half(args.spark)]
  floor.push(await half(args.floor))
  return { spark: measured(spark), floor: measured(floor) }
}
