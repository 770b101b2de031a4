import { setTimeout as sleep } from 'node:timers/promises'
import type { CpuLoad } from '../cpu-load.ts'
import { cpuLoadOver } from '../cpu-load.ts'
import { createSchedules, names, spreadFrom } from '../create-schedules.ts'
import type { Floor } from '../floors.ts'
import { startJobs } from '../floors.ts'
import type { FlowLog } from '../flow-log.ts'
import { openFlowLog } from '../flow-log.ts'
import { MAX_CONCURRENCY } from '../options.ts'
import type { Bench, Part } from '../part.ts'
import type { Stack } from '../stack.ts'
import type { Starts } from '../starts.ts'
import { startsOf } from '../starts.ts'
import { figure, table } from '../table.ts'
import { atMost } from '../targets.ts'
import { warmUpFires } from '../warm-up.ts'

type Watched = { starts: Starts; load: CpuLoad | null; cpu_ms_per_run: number | null }
type Result = { schedules: number; seconds: number } & Record<'spark' | Floor, Watched>

const SCHEDULES = 10_000
const HOUR = 3_600_000
const WINDOW_MS = 120_000
/** Rest after creating the schedules, so that creating them is not measured. */
const REST_MS = 10_000
/** How long after the window a call of its last due times still counts. */
const LATE_CALLS_MS = 5_000

/** @param due when each schedule is due next, at or after `from` */
const watch = async (
  stack: Stack,
  flows: FlowLog,
  due: ReadonlyMap<string, number>,
  from: number,
  pids: number[],
): Promise<Watched> => {
  const { signal } = stack
  await sleep(Math.max(from - Date.now() - 500, 0), undefined, { signal })
  await flows.clear()
  const load = await cpuLoadOver(stack, pids, WINDOW_MS)
  await sleep(LATE_CALLS_MS, undefined, { signal })
  const inWindow = new Map([...due].filter(([, at]) => at >= from && at < from + WINDOW_MS - 1_000))
  const starts = startsOf(await flows.runs(), inWindow)
  return { starts, load, cpu_ms_per_run: load && (load.both / 100) * (WINDOW_MS / starts.started) }
}

const watchFloor = async (stack: Stack, flows: FlowLog, floor: Floor): Promise<Watched> => {
  const { due, pid, stop } = await startJobs(stack, floor, {
    count: SCHEDULES,
    spreadMs: HOUR,
    aheadMs: REST_MS,
  })
  return watch(stack, flows, spreadFrom(names('floor', SCHEDULES), due, HOUR), due, [pid]).finally(stop)
}

const measure = ({ open, progress }: Bench): Promise<Result> =>
  open({ concurrency: MAX_CONCURRENCY }, async (stack) => {
    const { spark } = stack
    const flows = openFlowLog(stack)
    try {
      progress('spread: warming up')
      await warmUpFires(stack)
      progress(`creating ${SCHEDULES} schedules, spread over every hour`)
      const hour = Math.ceil(Date.now() / HOUR) * HOUR
      const times = spreadFrom(names('spread', SCHEDULES), hour, HOUR)
      const expression = (at: Date) => `${at.getUTCSeconds()} ${at.getUTCMinutes()} * * * *`
      await createSchedules(
        stack,
        [...times].map(([session_id, at]) => ({
          session_id,
          schedule_type: 'cron',
          schedule_expr: expression(new Date(at)),
        })),
      )
      await stack.database.client.query('VACUUM (ANALYZE) schedules')
      const from = Math.ceil((Date.now() + REST_MS) / 1_000) * 1_000
      const next = new Map([...times].map(([session, at]) => [session, at - Math.floor((at - from) / HOUR) * HOUR]))
      progress('two minutes of that hour')
      const watched = await watch(stack, flows, next, from, [spark.pid])
      await spark.stop() // so that the floors have PostgreSQL alone
      progress('the same for each floor')
      return {
        schedules: SCHEDULES,
        seconds: WINDOW_MS / 1_000,
        spark: watched,
        table: await watchFloor(stack, flows, 'table'),
        agenda: await watchFloor(stack, flows, 'agenda'),
      }
    } finally {
      await flows.close()
    }
  })

const spreadTable = ({ schedules, seconds, ...watched }: Result): string => {
  const row = (name: string, value: (watched: Watched) => number) => {
    const [spark, floor, agenda] = [value(watched.spark), value(watched.table), value(watched.agenda)]
    return [name, figure(spark), figure(floor), figure(agenda)]
  }
  return [
    `${schedules} schedules spread over an hour, ${seconds} s of it`,
    table(
      ['', 'Spark', 'table', 'Agenda'],
      [
        row('due', ({ starts }) => starts.due),
        row('missed', ({ starts }) => starts.missed),
        row('started twice', ({ starts }) => starts.twice),
        row('started early', ({ starts }) => starts.early),
        row('late, p50 ms', ({ starts }) => starts.lateness.p50_ms),
        row('late, p99 ms', ({ starts }) => starts.lateness.p99_ms),
        row('late, max ms', ({ starts }) => starts.lateness.max_ms),
        row('Node, % of a core', ({ load }) => load?.node ?? Number.NaN),
        row('PostgreSQL, % of a core', ({ load }) => load?.postgres ?? Number.NaN),
        row('CPU ms a run, both', ({ cpu_ms_per_run }) => cpu_ms_per_run ?? Number.NaN),
      ],
    ),
  ].join('\n')
}

/** Schedules whose due times are spread evenly. */
export const spread: Part = {
  name: 'spread',
  async measure(bench) {
    const result = await measure(bench)
    const { starts } = result.spark
    const name = (what: string) => `${SCHEDULES} spread over an hour: ${what}`
    return {
      result,
      text: spreadTable(result),
      targets: [
        atMost(name('missed'), starts.missed, 0),
        atMost(name('twice'), starts.twice, 0),
        atMost(name('early'), starts.early, 0),
      ],
    }
  },
}
