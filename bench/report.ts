import type { RunsResult } from './runs.ts'
import type { SchedulesResult } from './schedules.ts'
import { figure, table } from './table.ts'
import type { TasksResult } from './tasks.ts'

export type Results = { tasks?: TasksResult; runs?: RunsResult; schedules?: SchedulesResult }

const cpuOf = (cpu: { node: number; postgres: number } | null): string => (cpu ? `${figure(cpu.node)} + ${figure(cpu.postgres)}` : '–')

const tasksTable = ({ rows, limit, answer_bytes, floor_bytes, measured }: TasksResult): string =>
  [
    `GET /tasks?limit=${limit} of ${rows} runs, ${figure(answer_bytes / 1024)} KiB an answer; floor: node:http and pg, the same rows without a total, ${figure(floor_bytes / 1024)} KiB`,
    table(
      ['at once', 'Spark/s', 'floor/s', 'ratio', 'p50 ms', 'floor', 'ratio', 'p99 ms', 'floor', 'ratio', 'CPU ms (Node + PostgreSQL)', 'floor'],
      measured.map(({ at_once, spark, floor }) => [
        String(at_once), figure(spark.per_second), figure(floor.per_second), figure(spark.per_second / floor.per_second),
        figure(spark.p50_ms), figure(floor.p50_ms), figure(spark.p50_ms / floor.p50_ms),
        figure(spark.p99_ms), figure(floor.p99_ms), figure(spark.p99_ms / floor.p99_ms),
        cpuOf(spark.cpu_ms), cpuOf(floor.cpu_ms),
      ]),
    ),
  ].join('\n')

const runsTable = ({ call_ms, measured }: RunsResult): string =>
  [
    `POST /workflows/{id}/run, waited for, of a flow that takes ${call_ms} ms; floor: the same calls made directly`,
    table(
      ['at once', 'runs/s', 'direct/s', 'ratio', 'p50 ms', 'direct', 'ratio', 'added', 'p99 ms', 'direct', 'ratio', 'CPU ms (Node + PostgreSQL)'],
      measured.map(({ at_once, spark, floor }) => [
        String(at_once), figure(spark.per_second), figure(floor.per_second), figure(spark.per_second / floor.per_second),
        figure(spark.p50_ms), figure(floor.p50_ms), figure(spark.p50_ms / floor.p50_ms), figure(spark.p50_ms - floor.p50_ms),
        figure(spark.p99_ms), figure(floor.p99_ms), figure(spark.p99_ms / floor.p99_ms),
        cpuOf(spark.cpu_ms),
      ]),
    ),
  ].join('\n')

const schedulesTable = ({ concurrency, created_per_second, spark, floor }: SchedulesResult): string => {
  const row = (name: string, value: (starts: typeof spark) => number, withRatio: boolean) => [
    name, figure(value(spark)), figure(value(floor)), withRatio ? figure(value(spark) / value(floor)) : '',
  ]
  return [
    `${spark.due} cron schedules due at one minute, ${concurrency} at once, seen at the flow server; floor: a table asked once a second, two writes and a call for each`,
    table(
      ['', 'Spark', 'floor', 'ratio'],
      [
        row('due', ({ due }) => due, false),
        row('started', ({ started }) => started, false),
        row('missed', ({ missed }) => missed, false),
        row('started twice', ({ twice }) => twice, false),
        row('late, p50 ms', ({ lateness }) => lateness.p50_ms, true),
        row('late, p99 ms', ({ lateness }) => lateness.p99_ms, true),
        row('late, max ms', ({ lateness }) => lateness.max_ms, true),
        row('first start, ms', ({ first_start_ms }) => first_start_ms, true),
        row('last start, ms', ({ last_start_ms }) => last_start_ms, true),
      ],
    ),
    `created over REST: ${figure(created_per_second)} schedules/s`,
  ].join('\n')
}

/** What was measured, for people. */
export const report = ({ tasks, runs, schedules }: Results): string =>
  [tasks && tasksTable(tasks), runs && runsTable(runs), schedules && schedulesTable(schedules)].filter((text) => text !== undefined).join('\n\n')
