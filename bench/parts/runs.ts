import type { Compared } from '../load.ts'
import { AT_ONCE, compare, warmUp } from '../load.ts'
import { MAX_CONCURRENCY } from '../options.ts'
import type { Part } from '../part.ts'
import { openRunTargets } from '../run-targets.ts'
import type { Stack } from '../stack.ts'
import { LATENCY_MS } from '../stack.ts'
import { cpuFigure, figure, table } from '../table.ts'

type RunsResult = { call_ms: number; measured: Compared[] }

const measureRuns = async (stack: Stack, seconds: number): Promise<RunsResult> => {
  const { signal, progress } = stack
  const { spark, floor, close } = openRunTargets(stack)
  try {
    progress('runs: warming up')
    await warmUp([floor, spark], signal)
    const measured: Compared[] = []
    for (const atOnce of AT_ONCE) {
      progress(`runs, ${atOnce} at once`)
      measured.push({ at_once: atOnce, ...(await compare({ spark, floor, atOnce, seconds, signal })) })
    }
    return { call_ms: LATENCY_MS, measured }
  } finally {
    await close()
  }
}

const runsTable = ({ call_ms, measured }: RunsResult): string =>
  [
    `POST /workflows/{id}/run, waited for, of a flow that takes ${call_ms} ms; floor: the same calls made directly`,
    table(
      [
        'at once',
        'runs/s',
        'direct/s',
        'ratio',
        'p50 ms',
        'direct',
        'ratio',
        'added',
        'p99 ms',
        'direct',
        'ratio',
        'CPU ms (Node + PostgreSQL)',
      ],
      measured.map(({ at_once, spark, floor }) => [
        String(at_once),
        figure(spark.per_second),
        figure(floor.per_second),
        figure(spark.per_second / floor.per_second),
        figure(spark.p50_ms),
        figure(floor.p50_ms),
        figure(spark.p50_ms / floor.p50_ms),
        figure(spark.p50_ms - floor.p50_ms),
        figure(spark.p99_ms),
        figure(floor.p99_ms),
        figure(spark.p99_ms / floor.p99_ms),
        cpuFigure(spark.cpu_ms),
      ]),
    ),
  ].join('\n')

export const runs: Part = {
  name: 'runs',
  async measure({ options, open }) {
    const result = await open({ concurrency: MAX_CONCURRENCY }, (stack) => measureRuns(stack, options.seconds))
    return { result, text: runsTable(result), targets: [] }
  },
}
