import { fireSpark, lastStart, MANY, meanOf } from '../compare-fires.ts'
import { openFlowLog } from '../flow-log.ts'
import { MAX_CONCURRENCY } from '../options.ts'
import type { Bench, Part, Target } from '../part.ts'
import { figure, table } from '../table.ts'
import { atMost } from '../targets.ts'
import { warmUpFires } from '../warm-up.ts'
import type { Fired } from '../watch-fire.ts'

type Result = { concurrency: number; one: Fired[]; two: Fired[] }

const WORKERS = 2
/** Single fires differ by a tenth. */
const FIRES = 4

/**
 * Fires with one worker, with two, and with one again, so that other work on the machine hits both. Two workers share what is due, so the
 * warm-up runs twice: then the second has done as much as every other measured process.
 */
const measure = ({ open, progress }: Bench, concurrency: number): Promise<Result> =>
  open({ concurrency }, async (stack) => {
    const { spark } = stack
    const flows = openFlowLog(stack)
    const fires = async (count: number, pids: number[]): Promise<Fired[]> => {
      const fired: Fired[] = []
      while (fired.length < count) fired.push((await fireSpark(stack, flows, 'cron', MANY, pids)).fired)
      return fired
    }
    try {
      progress(`workers, ${concurrency} at once: warming up`)
      await warmUpFires(stack)
      const before = await fires(FIRES / 2, [spark.pid])
      progress('starting a second worker and warming up')
      const worker = await stack.startWorker()
      for (let done = 0; done < WORKERS; done++) await warmUpFires(stack)
      const two = await fires(FIRES, [spark.pid, worker.pid])
      await worker.stop()
      const after = await fires(FIRES / 2, [spark.pid])
      return { concurrency, one: [...before, ...after], two }
    } finally {
      await flows.close()
    }
  })

const workersTable = ({ concurrency, one, two }: Result): string => {
  const row = (name: string, value: (fired: Fired) => number, withRatio = false) => [
    name,
    figure(meanOf(one, value)),
    figure(meanOf(two, value)),
    withRatio ? figure(meanOf(two, value) / meanOf(one, value)) : '',
  ]
  return [
    `${MANY} cron schedules due at one minute with one worker and with two of ${concurrency} at once each; the source allows ${MAX_CONCURRENCY}; means of ${FIRES} fires each`,
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
    atMost(
      `${MANY} cron with two workers, ${concurrency} at once each: last start`,
      meanOf(two, lastStart) / meanOf(one, lastStart),
      1,
      ' × one worker',
    ),
    atMost(
      `${MANY} cron with one and two workers, ${concurrency} at once each: missed`,
      worst(({ missed }) => missed),
      0,
    ),
    atMost(
      `${MANY} cron with one and two workers, ${concurrency} at once each: twice`,
      worst(({ twice }) => twice),
      0,
    ),
  ]
}

/** Compares two workers with one. */
export const workers: Part = {
  name: 'workers',
  async measure(bench) {
    const result: Result[] = []
    for (const concurrency of bench.options.concurrency) result.push(await measure(bench, concurrency))
    return { result, text: result.map(workersTable).join('\n\n'), targets: result.flatMap(workersTargets) }
  },
}
