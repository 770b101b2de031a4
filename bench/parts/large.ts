import { readFileSync } from 'node:fs'
import { makeCaller } from '../load.ts'
import { MAX_CONCURRENCY } from '../options.ts'
import type { Part } from '../part.ts'
import type { Stack } from '../stack.ts'
import { figure, table } from '../table.ts'

const RUNS = 64
const MIB = 1024 * 1024
/** With the JSON around it, just under the 10 MiB that Spark reads. */
const ANSWER_BYTES = 10 * MIB - 100
/** Long enough that all runs wait at once, so that all answers come at once. */
const LATENCY_MS = 2_000
const POLL_MS = 20

type Result = {
  runs: number
  answer_mib: number
  seconds: number
  rss_before_mib: number
  rss_peak_mib: number
  rss_after_mib: number
}

/** Resident memory of a process in MiB; NaN on systems other than Linux. */
const rssOf = (pid: number): number => {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  } catch {
    return Number.NaN
  }
}

const measureLarge = async ({ spark, startFloor, progress }: Stack): Promise<Result> => {
  const server = await startFloor('large-agent', { ANSWER_BYTES: String(ANSWER_BYTES), LATENCY_MS: String(LATENCY_MS) })
  const source = await spark.client.sources.create({ url: server.said, max_concurrency: MAX_CONCURRENCY })
  const workflow = await spark.client.workflows.sync('large', { source_url: source.url })
  const caller = makeCaller(spark.url, { connections: RUNS, headers: { 'x-api-key': spark.key } })
  const run = async () => {
    const { status, body } = await caller.call(`/api/v1/workflows/${workflow.id}/run`, '"go"')
    if (status !== 200 || !body.includes('"status":"completed"'))
      throw new Error(`a run failed: ${status} ${body.toString().slice(0, 500)}`)
  }
  try {
    await run() // the first run costs more
    progress(`large: ${RUNS} runs whose answers have 10 MiB each`)
    const before = rssOf(spark.pid)
    let peak = before
    const polling = setInterval(() => {
      peak = Math.max(peak, rssOf(spark.pid))
    }, POLL_MS)
    const began = performance.now()
    await Promise.all(Array.from({ length: RUNS }, run)).finally(() => clearInterval(polling))
    return {
      runs: RUNS,
      answer_mib: ANSWER_BYTES / MIB,
      seconds: (performance.now() - began) / 1000,
      rss_before_mib: before,
      rss_peak_mib: peak,
      rss_after_mib: rssOf(spark.pid),
    }
  } finally {
    await caller.close()
  }
}

/** Memory of Spark with many large answers at once. */
export const large: Part = {
  name: 'large',
  async measure({ open }) {
    const result = await open({ concurrency: MAX_CONCURRENCY }, measureLarge)
    const { runs, seconds, rss_before_mib, rss_peak_mib, rss_after_mib } = result
    const text = [
      `${runs} runs at once, waited for, of an agent whose answer has 10 MiB; memory of Spark (API and worker in one process)`,
      table(
        ['runs', 'seconds', 'before MiB', 'peak MiB', 'after MiB', 'peak, MiB a run'],
        [
          [
            String(runs),
            figure(seconds),
            figure(rss_before_mib),
            figure(rss_peak_mib),
            figure(rss_after_mib),
            figure((rss_peak_mib - rss_before_mib) / runs),
          ],
        ],
      ),
    ].join('\n')
    return { result, text, targets: [] }
  },
}
