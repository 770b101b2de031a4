import { allAt, createSchedules, names } from './create-schedules.ts'
import { fireFloor, REST_MS } from './floors.ts'
import type { FlowLog } from './flow-log.ts'
import type { Target } from './part.ts'
import type { Stack } from './stack.ts'
import { mean } from './statistics.ts'
import { figure, table } from './table.ts'
import { atMost } from './targets.ts'
import type { Fired } from './watch-fire.ts'
import { OPEN_TASKS, watchFire } from './watch-fire.ts'

export type Kind = 'cron' | 'one-time'
/** `table` fires before and after Spark, so that other work on the machine hits both. */
export type FireComparison = {
  kind: Kind
  concurrency: number
  created_per_second: number
  spark: Fired
  table: [Fired, Fired]
  agenda: Fired
}

const MINUTE = 60_000
/** A one-time schedule may be due at any second; a round one is easier to read. */
const ONE_TIME_STEP = 5_000
/** Time to create the schedules and to rest afterwards: they are due at the first minute or round second after it. */
const aheadMs = (count: number) => REST_MS + count * 5
/** With fewer runs, the CPU of a run is mostly what an idle server uses meanwhile. */
const ENOUGH_FOR_CPU = 100
/** The targets for time and CPU hold for this many schedules and more. */
export const MANY = 1_000

/** Creates schedules over REST that are all due at one time, and watches their fire. @param pids Spark's processes */
export const fireSpark = async (
  stack: Stack,
  flows: FlowLog,
  kind: Kind,
  count: number,
  pids: number[],
): Promise<{ created_per_second: number; fired: Fired }> => {
  const step = kind === 'cron' ? MINUTE : ONE_TIME_STEP
  const due = Math.ceil((Date.now() + aheadMs(count)) / step) * step
  const at = new Date(due)
  const schedule_expr = kind === 'cron' ? `${at.getUTCMinutes()} ${at.getUTCHours()} * * *` : at.toISOString()
  const sessions = names(`${kind}-${count}-${due}`, count)
  stack.progress(`creating ${count} ${kind} schedules that are due at ${at.toISOString()}`)
  const created_per_second = await createSchedules(
    stack,
    sessions.map((session_id) => ({ session_id, schedule_type: kind, schedule_expr })),
  )
  if (Date.now() > due - 2_000) throw new Error('the schedules were due before all of them were created: try fewer')
  stack.progress('waiting for that time')
  await flows.clear()
  return {
    created_per_second,
    fired: await watchFire({ stack, flows, due: allAt(sessions, due), pids, left: OPEN_TASKS }),
  }
}

/** Fires Spark's schedules, and as many jobs of each floor. */
export const compareFires = async (
  stack: Stack,
  flows: FlowLog,
  kind: Kind,
  count: number,
): Promise<FireComparison> => {
  const { spark, concurrency, progress } = stack
  progress(`${count} jobs of a table that is read once a second`)
  const before = await fireFloor(stack, flows, 'table', count)
  const { created_per_second, fired } = await fireSpark(stack, flows, kind, count, [spark.pid])
  progress('the table once more')
  const after = await fireFloor(stack, flows, 'table', count)
  progress('the same with Agenda, one job for each')
  return {
    kind,
    concurrency,
    created_per_second,
    spark: fired,
    table: [before, after],
    agenda: await fireFloor(stack, flows, 'agenda', count),
  }
}

export const meanOf = (fires: readonly Fired[], value: (fired: Fired) => number): number => mean(fires.map(value))
export const lastStart = ({ last_start_ms }: Fired) => last_start_ms
const cpuTotal = ({ cpu_ms }: Fired): number => (cpu_ms ? cpu_ms.node + cpu_ms.postgres : Number.NaN)

export const firesTable = ({
  kind,
  concurrency,
  created_per_second,
  spark,
  table: floor,
  agenda,
}: FireComparison): string => {
  const row = (name: string, value: (fired: Fired) => number, withRatio = false) => [
    name,
    figure(value(spark)),
    figure(meanOf(floor, value)),
    withRatio ? figure(value(spark) / meanOf(floor, value)) : '',
    figure(value(agenda)),
    withRatio ? figure(value(spark) / value(agenda)) : '',
  ]
  return [
    `${spark.due} ${kind} schedules due at one time, ${concurrency} at once, seen at the flow server; table: mean of two, before and after`,
    table(
      ['', 'Spark', 'table', 'ratio', 'Agenda', 'ratio'],
      [
        row('due', ({ due }) => due),
        row('started', ({ started }) => started),
        row('missed', ({ missed }) => missed),
        row('started twice', ({ twice }) => twice),
        row('started early', ({ early }) => early),
        row('unfinished', ({ unfinished }) => unfinished),
        row('late, p50 ms', ({ lateness }) => lateness.p50_ms, true),
        row('late, p99 ms', ({ lateness }) => lateness.p99_ms, true),
        row('late, max ms', ({ lateness }) => lateness.max_ms, true),
        row('first start, ms', ({ first_start_ms }) => first_start_ms, true),
        row('last start, ms', lastStart, true),
        ...(spark.due < ENOUGH_FOR_CPU
          ? []
          : [
              row('CPU ms a run, Node', ({ cpu_ms }) => cpu_ms?.node ?? Number.NaN, true),
              row('CPU ms a run, PostgreSQL', ({ cpu_ms }) => cpu_ms?.postgres ?? Number.NaN, true),
              row('CPU ms a run, both', cpuTotal, true),
            ]),
      ],
    ),
    `created over REST: ${figure(created_per_second)} schedules/s`,
  ].join('\n')
}

export const firesTargets = ({ kind, concurrency, spark, table: floor }: FireComparison): Target[] => {
  const name = (what: string) => `${spark.due} ${kind}, ${concurrency} at once: ${what}`
  return [
    atMost(name('missed'), spark.missed, 0),
    atMost(name('twice'), spark.twice, 0),
    atMost(name('unfinished'), spark.unfinished, 0),
    atMost(name('early'), spark.early, 0),
    atMost(name('first start'), spark.first_start_ms, 100, ' ms'),
    ...(spark.due < MANY
      ? []
      : [
          atMost(name('last start'), spark.last_start_ms / meanOf(floor, lastStart), 1.5, ' × table'),
          atMost(name('CPU a run'), cpuTotal(spark) / meanOf(floor, cpuTotal), 2, ' × table'),
        ]),
  ]
}
