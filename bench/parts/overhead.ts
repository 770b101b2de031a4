import { setTimeout as sleep } from 'node:timers/promises'
import { openFlowLog } from '../flow-log.ts'
import { AT_ONCE, makeCaller } from '../load.ts'
import { MAX_CONCURRENCY } from '../options.ts'
import type { Part } from '../part.ts'
import type { Stack } from '../stack.ts'
import { LATENCY_MS } from '../stack.ts'
import type { Spread } from '../statistics.ts'
import { spreadOf } from '../statistics.ts'
import { figure, table } from '../table.ts'
import { warmUpRuns } from '../warm-up.ts'

type Measured = { at_once: number; runs: number; whole: Spread; overhead: Spread }

/** Time for the flow server to log the end of the last run. */
const LOGGED_MS = 200

/** How long a caller waits for a run, less the time that the flow server logged for that run. */
const measureOverhead = async (stack: Stack, atOnce: number, seconds: number): Promise<Measured> => {
  const { spark, workflow_id, signal } = stack
  const log = openFlowLog(stack)
  const caller = makeCaller(spark.url, { connections: atOnce, headers: { 'x-api-key': spark.key } })
  try {
    await log.clear()
    const waited = new Map<string, number>()
    const until = performance.now() + seconds * 1000
    let count = 0
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        while (performance.now() < until) {
          signal.throwIfAborted()
          const input = `overhead ${++count}`
          const asked = performance.now()
          const { status, body } = await caller.call(`/api/v1/workflows/${workflow_id}/run`, JSON.stringify(input))
          waited.set(input, performance.now() - asked)
          if (status !== 200 || !body.includes('"status":"completed"'))
            throw new Error(`a run failed: ${status} ${body.toString().slice(0, 500)}`)
        }
      }),
    )
    await sleep(LOGGED_MS, undefined, { signal })
    const worked = new Map((await log.runs()).map(({ input_value, took_ms }) => [String(input_value), took_ms ?? 0]))
    const overheads = [...waited].map(([input, ms]) => {
      const took = worked.get(input)
      if (took === undefined) throw new Error(`the flow server never got ${input}`)
      return ms - took
    })
    return { at_once: atOnce, runs: waited.size, whole: spreadOf([...waited.values()]), overhead: spreadOf(overheads) }
  } finally {
    await Promise.all([log.close(), caller.close()])
  }
}

/** Spark's own time in each run: the whole run, less the flow server's time. */
export const overhead: Part = {
  name: 'overhead',
  async measure({ options, open }) {
    const measured = await open({ concurrency: MAX_CONCURRENCY }, async (stack) => {
      stack.progress('overhead: warming up')
      await warmUpRuns(stack)
      const each: Measured[] = []
      for (const atOnce of AT_ONCE) {
        stack.progress(`overhead, ${atOnce} at once`)
        each.push(await measureOverhead(stack, atOnce, options.seconds))
      }
      return each
    })
    const text = [
      `Manual runs that are waited for, less the flow server's time for each run (${LATENCY_MS} ms and its own work)`,
      table(
        ['at once', 'runs', 'p50 ms', 'p99 ms', 'overhead p50', 'p99', 'max'],
        measured.map(({ at_once, runs, whole, overhead: own }) => [
          String(at_once),
          String(runs),
          figure(whole.p50_ms),
          figure(whole.p99_ms),
          figure(own.p50_ms),
          figure(own.p99_ms),
          figure(own.max_ms),
        ]),
      ),
    ].join('\n')
    return { result: { call_ms: LATENCY_MS, measured }, text, targets: [] }
  },
}
