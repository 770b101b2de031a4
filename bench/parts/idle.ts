import { setTimeout as sleep } from 'node:timers/promises'
import { createSchedules, names, spreadFrom } from '../create.ts'
import type { Floor } from '../floors.ts'
import { FLOORS, startJobs } from '../floors.ts'
import { MAX_CONCURRENCY } from '../options.ts'
import type { Bench, Part } from '../part.ts'
import type { Surroundings } from '../surroundings.ts'
import { figure, table } from '../table.ts'
import { atMost } from '../targets.ts'
import { warmUpRuns } from '../warm-up.ts'
import type { Load } from '../window.ts'
import { loadOver } from '../window.ts'

type Result = { schedules: number; seconds: number; loads: Record<'spark_without' | 'spark' | Floor, Load | null> }

const SCHEDULES = 10_000
const WINDOW_MS = 60_000
/** Until nothing of what went before is still being tidied up: V8 collects what creating 10,000 schedules left half a minute later. */
const SETTLE_MS = 60_000
const HOUR = 3_600_000
/** Due so far ahead that nothing has to be done about them yet. */
const AHEAD_MS = 6 * HOUR

/** Once a day, at a second of its own, in an hour that is far away. */
const farAway = (count: number) => {
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

const floorLoad = async (surroundings: Surroundings, floor: Floor): Promise<Load | null> => {
  const { pid, stop } = await startJobs(surroundings, floor, { count: SCHEDULES, spreadMs: HOUR, aheadMs: AHEAD_MS })
  try {
    await sleep(SETTLE_MS, undefined, { signal: surroundings.signal })
    return await loadOver(surroundings, [pid], WINDOW_MS)
  } finally {
    await stop()
  }
}

const measure = ({ open, progress }: Bench): Promise<Result> =>
  open({ concurrency: MAX_CONCURRENCY }, async (surroundings) => {
    const { spark, signal, database } = surroundings
    const idle = async () => {
      await database.client.query('VACUUM (ANALYZE)') // as autovacuum would within a minute, perhaps within the one that counts
      await sleep(SETTLE_MS, undefined, { signal })
      return loadOver(surroundings, [spark.pid], WINDOW_MS)
    }
    progress('idle: warming up, then a minute without schedules')
    await warmUpRuns(surroundings)
    const without = await idle()
    progress(`creating ${SCHEDULES} schedules that are not due for hours`)
    await createSchedules(surroundings, farAway(SCHEDULES))
    progress('a minute with them')
    const withThem = await idle()
    await spark.stop() // the floors have its PostgreSQL to themselves
    progress('a minute with as many jobs for each floor')
    return {
      schedules: SCHEDULES,
      seconds: WINDOW_MS / 1_000,
      loads: {
        spark_without: without,
        spark: withThem,
        table: await floorLoad(surroundings, 'table'),
        agenda: await floorLoad(surroundings, 'agenda'),
      },
    }
  })

const idleTable = ({ schedules, seconds, loads }: Result): string => {
  const row = (name: string, load: Load | null) => [
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

/** What schedules cost that are not due. */
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
