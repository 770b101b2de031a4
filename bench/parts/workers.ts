import { fireSpark, lastStart, MANY, meanOf } from '../fires.ts'
import type { Fired } from '../fire.ts'
import { openFlowLog } from '../flow-log.ts'
import { MAX_CONCURRENCY } from '../options.ts'
import type { Bench, Part, Target } from '../part.ts'
import { warmUpFires } from '../warm-up.ts'
import { figure, table } from '../table.ts'
import { atMost } from '../targets.ts'

type Result = { concurrency: number; one: Fired[]; two: Fired[] }

/** One worker, two, two, one: whatever else the machine does then hits both alike. */
const measure = ({ open, progress }: Bench, concurrency: number): Promise<Result> =>
  open({ concurrency }, async (surroundings) => {
    const { spark } = surroundings
    const flows = openFlowLog(surroundings)
    const fire = async (pids: number[]) => (await fireSpark(surroundings, flows, 'cron', MANY, pids)).fired
    try {
      progress(`workers, ${concurrency} at once: warming up`)
      await warmUpFires(surroundings)
      const one = [await fire([spark.pid])]
      progress('starting a second worker and warming up')
      const worker = await surroundings.startWorker()
      await warmUpFires(surroundings)
      const both = [spark.pid, worker.pid]
      const two = [await fire(both), await fire(both)]
      await worker.stop()
      one.push(await fire([spark.pid]))
      return { concurrency, one, two }
    } finally {
      await flows.close()
    }
  })

const workersTable = ({ concurrency, one, two }: Result): string => {
  const row = (name: string, value: (fired: Fired) => number, withRatio = false) => [
    name, figure(meanOf(one, value)), figure(meanOf(two, value)), withRatio ? figure(meanOf(two, value) / meanOf(one, value)) : '',
  ]
  return [
    `${MANY} cron schedules due at one minute with one worker and with two of ${concurrency} at once each; the source allows ${MAX_CONCURRENCY}; means of two fires each`,
    table(
      ['', 'one', 'two', 'ratio'],
      [
        row('missed', ({ missed }) => missed),
        row('started twice', ({ twice }) => twice),
        row('late, p50 ms', ({ lateness }) => lateness.p50_ms, true),
        row('late, p99 ms', ({ lateness }) => lateness.p99_ms, true),
        row('first start, ms', ({ first_start_ms }) => first_start_ms, true),
        row('last start, ms', lastStart, true),
        row('CPU ms a run, Node', ({ cpu_ms }) => cpu_ms?.node ?? Number.NaN, true),
        row('CPU ms a run, PostgreSQL', ({ cpu_ms }) => cpu_ms?.postgres ?? Number.NaN, true),
      ],
    ),
  ].join('\n')
}

const workersTargets = ({ concurrency, one, two }: Result): Target[] => {
  const worst = (value: (fired: Fired) => number) => Math.max(...[...one, ...two].map(value))
  return [
    atMost(`${MANY} cron with two workers, ${concurrency} at once each: last start`, meanOf(two, lastStart) / meanOf(one, lastStart), 1, ' × one worker'),
    atMost(`${MANY} cron with one and two workers, ${concurrency} at once each: missed`, worst(({ missed }) => missed), 0),
    atMost(`${MANY} cron with one and two workers, ${concurrency} at once each: twice`, worst(({ twice }) => twice), 0),
  ]
}

/** Two workers beside one. */
export const workers: Part = {
  name: 'workers',
  async measure(bench) {
    const result: Result[] = []
    for (const concurrency of bench.options.concurrency) result.push(await measure(bench, concurrency))
    return { result, text: result.map(workersTable).join('\n\n'), targets: result.flatMap(workersTargets) }
  },
}
