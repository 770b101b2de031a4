import { setTimeout as sleep } from 'node:timers/promises'
import type { CreateSchedule, Schedule, Spark } from '@automagik-spark/sdk'
import type { Chance } from './chance.ts'

const OVERLAPS = ['skip', 'allow', 'queue_one', 'queue_all', 'cancel_previous'] as const
const TIMES: Pick<CreateSchedule, 'schedule_type' | 'schedule_expr' | 'timezone'>[] = [
  { schedule_type: 'interval', schedule_expr: '1s' },
  { schedule_type: 'cron', schedule_expr: '*/2 * * * * *', timezone: 'Asia/Kathmandu' },
  { schedule_type: 'interval', schedule_expr: '3s' },
  { schedule_type: 'cron', schedule_expr: '1-59/2 * * * * *', timezone: 'America/New_York' },
]

/** Schedules of 1 to 3 s with every overlap, and some that are further ahead than a wake-up is armed at once. */
export const plans = (workflow_id: string): CreateSchedule[] =>
  [
    ...OVERLAPS.flatMap((overlap) =>
      TIMES.map((times) => ({ ...times, overlap, input_value: `${overlap} ${times.schedule_expr}` })),
    ),
    ...['10s', '25s', '45s', '70s'].map((schedule_expr) => ({
      schedule_type: 'interval' as const,
      schedule_expr,
      overlap: 'allow' as const,
      input_value: schedule_expr,
    })),
  ].map((plan) => ({ ...plan, workflow_id, max_retries: 3 }))

export type People = {
  /** Ids of what was answered with success, and so must be there. */
  runs: string[]
  schedules: string[]
  edited: Set<string>
  counts: { asked: number; refused: number }
}

const PATIENCE_MS = 5_000

/** Does what people do while it storms: whatever fails they leave. */
export const beBusy = async (
  spark: Spark,
  workflow_id: string,
  schedules: Schedule[],
  chance: Chance,
  signal: AbortSignal,
): Promise<People> => {
  const people: People = { runs: [], schedules: [], edited: new Set(), counts: { asked: 0, refused: 0 } }
  const timeout = { timeout: PATIENCE_MS }
  // The last four are theirs to play with.
  const own = schedules.slice(-8, -4)
  const deeds: [() => Promise<unknown>, ...(() => Promise<unknown>)[]] = [
    async () =>
      people.runs.push(
        (await spark.workflows.run(workflow_id, `by hand ${people.counts.asked}`, { wait: false, ...timeout })).id,
      ),
    async () =>
      people.schedules.push(
        (
          await spark.schedules.create(
            {
              workflow_id,
              schedule_type: 'one-time',
              schedule_expr: 'now',
              input_value: `once ${people.counts.asked}`,
            },
            timeout,
          )
        ).id,
      ),
    async () => {
      const { id } = own[0]!
      people.edited.add(id)
      await spark.schedules.update(
        id,
        { schedule_expr: chance.one(['1s', '2s', '3s']), schedule_type: 'interval' },
        timeout,
      )
    },
    async () => spark.schedules.disable(chance.one([own[1]!, own[2]!]).id, {}, timeout),
    async () => spark.schedules.enable(chance.one([own[1]!, own[2]!]).id, timeout),
    async () => spark.schedules.run(own[3]!.id, timeout),
    async () => spark.tasks.cancel(people.runs.at(-1) ?? '', timeout),
  ]
  while (!signal.aborted) {
    people.counts.asked++
    await chance
      .one(deeds)()
      .catch(() => people.counts.refused++)
    await sleep(chance.between(100, 700), undefined, { signal }).catch(() => undefined)
  }
  return people
}
