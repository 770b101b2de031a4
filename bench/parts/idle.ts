import { setTimeout as sleep } from 'node:timers/promises'
import type { CpuLoad } from '../cpu-load.ts'
import { cpuLoadOver } from '../cpu-load.ts'
import { createSchedules, names, spreadFrom } from '../create-schedules.ts'
import type { Floor } from '../floors.ts'
import { FLOORS, startJobs } from '../floors.ts'
import { MAX_CONCURRENCY } from '../options.ts'
import type { Bench, Part } from '../part.ts'
import type { Stack } from '../stack.ts'
import { figure, table } from '../table.ts'
import { atMost } from '../targets.ts'
import { warmUpRuns } from '../warm-up.ts'

type Result = { schedules: number; seconds: number; loads: Record<'spark_without' | 'spark' | Floor, CpuLoad | null> }

const SCHEDULES = 10_000
const WINDOW_MS = 60_000
/** Rest before the measured minute: V8 collects the garbage of creating 10,000 schedules half a minute later. */
const REST_MS = 60_000
const HOUR = 3_600_000
/** Due so far ahead that Spark has nothing to do for them yet. */
const AHEAD_MS = 6 * HOUR

/** Each is due once a day, at its own second, hours from now. */
const dueInHours = (count: number) => {
  const first = Math.ceil((Date.now() + AHEAD_MS) / 1_000) * 1_000
  return [...spreadFrom(names('idle', count), first, HOUR)].map(([session_id, due]) => {
    const at = new Date(due)
    return {
      session_id,
      schedule_type: 'cron',
      schedule_expr: `${at.getUTCSeconds()} ${at.getUTCMinutes()} ${at.getUTCHours()} * * *`,
    } as const
  })
}

const floorLoad = async (stack: Stack, floor: Floor): Promise<CpuLoad | null> => {
  const { pid, stop } = await startJobs(stack, floor, { count: SCHEDULES, spreadMs: HOUR, aheadMs: AHEAD_MS })
  try {
    await sleep(REST_MS, undefined, { signal: stack.signal })
    return await cpuLoadOver(stack, [pid], WINDOW_MS)
  } finally {
    await stop()
  }
}

const measure = ({ open, progress }: Bench): Promise<Result> =>
  open({ concurrency: MAX_CONCURRENCY }, async (stack) => {
    const { spark, signal, database } = stack
    const idle = async () => {
      await database.client.query('VACUUM (ANALYZE)') // else autovacuum might do it in the measured minute
      await sleep(REST_MS, undefined, { signal })
      return cpuLoadOver(stack, [spark.pid], WINDOW_MS)
    }
    progress('idle: warming up, then a minute without schedules')
    await warmUpRuns(stack)
    const without = await idle()
    progress(`creating ${SCHEDULES} schedules that are not due for hours`)
    await createSchedules(stack, dueInHours(SCHEDULES))
    progress('a minute with them')
    const withThem = await idle()
    await spark.stop() // so that the floors have PostgreSQL alone
    progress('a minute with as many jobs for each floor')
    return {
      schedules: SCHEDULES,
      seconds: WINDOW_MS / 1_000,
      loads: {
        spark_without: without,
        spark: withThem,
        table: await floorLoad(stack, 'table'),
        agenda: await floorLoad(stack, 'agenda'),
      },
    }
  })

const idleTable = ({ schedules, seconds, loads }: Result): string => {
  const row = (name: string, load: CpuLoad | null) => [
    name,
    figure(load?.node ?? null),
    figure(load?.postgres ?? null),
    figure(load?.both ?? null),
  ]
  return [
    `${schedules} schedules that are not due: CPU over ${seconds} s, in percent of one core`,
    table(
      ['', 'Node', 'PostgreSQL', 'both'],
      [
        row('Spark without schedules', loads.spark_without),
        row(`Spark with ${schedules}`, loads.spark),
        ...Object.keys(FLOORS).map((name) => row(`${name} with ${schedules}`, loads[name as Floor])), // keys of FLOORS
      ],
    ),
  ].join('\n')
}

/** CPU that schedules cost while they are not due. */
export const idle: Part = {
  name: 'idle',
  async measure(bench) {
    const result = await measure(bench)
    return {
      result,
      text: idleTable(result),
      targets: [
        atMost(`idle with ${SCHEDULES} schedules: CPU`, result.loads.spark?.both ?? Number.NaN, 1, ' % of a core'),
      ],
    }
  },
}
