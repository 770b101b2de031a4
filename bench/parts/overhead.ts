import { setTimeout as sleep } from 'node:timers/promises'
import { openFlowLog } from '../flow-log.ts'
import { AT_ONCE, makeCaller } from '../load.ts'
import { MAX_CONCURRENCY } from '../options.ts'
import type { Part } from '../part.ts'
import type { Spread } from '../statistics.ts'
import { spreadOf } from '../statistics.ts'
import type { Surroundings } from '../surroundings.ts'
import { LATENCY_MS } from '../surroundings.ts'
import { figure, table } from '../table.ts'
import { warmUpRuns } from '../warm-up.ts'

type Measured = { at_once: number; runs: number; whole: Spread; overhead: Spread }

/** Until the flow server has noted the end of the last run. */
const NOTED_MS = 200

/** What a caller waits for a run, less what the flow server says it worked on that very run. */
const measureOverhead = async (surroundings: Surroundings, atOnce: number, seconds: number): Promise<Measured> => {
  const { spark, workflow_id, signal } = surroundings
  const log = openFlowLog(surroundings)
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
    await sleep(NOTED_MS, undefined, { signal })
    const worked = new Map((await log.runs()).map(({ input_value, took_ms }) => [String(input_value), took_ms ?? 0]))
    const overheads = [...waited].map(([input, ms]) => {
      const took = worked.get(input)
      if (took === undefined) throw new Error(`the flow server never heard of ${input}`)
      return ms - took
    })
    return { at_once: atOnce, runs: waited.size, whole: spreadOf([...waited.values()]), overhead: spreadOf(overheads) }
  } finally {
    await Promise.all([log.close(), caller.close()])
  }
}

/** Our own time in each run: that of Spark, less that of the server. */
export const overhead: Part = {
  name: 'overhead',
  async measure({ options, open }) {
    const measured = await open({ concurrency: MAX_CONCURRENCY }, async (surroundings) => {
      surroundings.progress('overhead: warming up')
      await warmUpRuns(surroundings)
      const each: Measured[] = []
      for (const atOnce of AT_ONCE) {
        surroundings.progress(`overhead, ${atOnce} at once`)
        each.push(await measureOverhead(surroundings, atOnce, options.seconds))
      }
      return each
    })
    const text = [
      `Each run by hand, waited for, less what the flow server took for that run (${LATENCY_MS} ms and its own work)`,
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
