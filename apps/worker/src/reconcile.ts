import type { Clock } from '@automagik-spark/core'
import { MINUTE, SECOND } from '@automagik-spark/core'
import type { Db, Recoverer, Sql, ToDo } from '@automagik-spark/db'
import { dueSeconds, findToDo, lostCallsOf, markExpired, takeOver } from '@automagik-spark/db'
import type { Logger, WakeUps } from '@automagik-spark/engine'
import type { Holds } from './circuit-breakers.ts'
import type { Checks } from './health-checks.ts'
import type { Runner } from './runner.ts'
import type { Troubles } from './troubles.ts'

type Deps = {
  db: Db
  sql: Sql
  wakeUps: WakeUps
  clock: Clock
  logger: Logger
  troubles: Troubles
  fire: () => Promise<number>
  /** Claims when there is room. */
  pump: Runner['pump']
  onRetries: (at: Date[]) => void
  holds: Holds
  checks: Checks
  /** Between two checks of a source. */
  checkMs: number
  pauseFailing: () => Promise<void>
  /** This worker, for calls of dead ones whose servers can be asked. */
  asker: Recoverer
  adopt: Runner['adopt']
  random: () => number
  watch: (seconds: Date[]) => void
  /** How long a lease that ran out is left alone before the task is taken over. */
  graceMs: number
}

const ARM_EVERY = 5
const PAUSE_EVERY = 5
const OVERDUE_EVERY = 10
const PURGE_EVERY = 2
const PRUNE_EVERY = 600
const PURGE_BATCH = 2_000

/**
 * The net under everything: whatever a lost wake-up, a missed hint or a dead worker left lying is found here. Every step may be
 * done twice, and each is limited.
 */
export const makeReconcile = ({
  db,
  sql,
  wakeUps,
  clock,
  logger,
  troubles,
  fire,
  pump,
  onRetries,
  holds,
  checks,
  checkMs,
  pauseFailing,
  asker,
  adopt,
  random,
  watch,
  graceMs,
}: Deps) => {
  let round = 0

  /** The seconds of the next minute: the guard watches them, and those without a wake-up in Agenda's store get one. */
  const arm = async () => {
    const from = clock.now()
    const to = new Date(from.getTime() + MINUTE + ARM_EVERY * 2 * SECOND)
    const seconds = await dueSeconds(sql, from, to)
    watch(seconds)
    if (seconds.length === 0 || !wakeUps.isUp()) return
    const armed = new Set((await wakeUps.armed(from, to)).map((second) => second.getTime()))
    const missing = seconds.filter((second) => !armed.has(second.getTime()))
    if (missing.length > 0) await wakeUps.wakeAtAll(missing)
  }

  const takeOverDead = async () => {
    await markExpired(sql)
    const taken = await takeOver(sql, graceMs, random, asker)
    if (taken.some(({ status }) => status === 'running')) await adopt(await lostCallsOf(sql, asker.worker_id))
    for (const task of taken)
      logger.warn({ task_id: task.id, status: task.status }, 'task taken over from a dead worker')
    const retries = taken.flatMap((task) => task.next_retry_at ?? [])
    if (retries.length > 0) onRetries(retries)
  }

  /** `when`: by what was found, left out: always. `every`: in so many rounds once. What may take long comes last. */
  const steps: {
    name: string
    when?: (found: ToDo) => boolean
    every?: number
    run: (found: ToDo) => Promise<unknown>
  }[] = [
    { name: 'waking the claim', when: ({ tasks }) => tasks, run: async () => pump() },
    { name: 'taking over', when: ({ leases }) => leases, run: takeOverDead },
    { name: 'checking sources', when: ({ checks }) => checks, run: checks.look },
    { name: 'ending what waits for nothing', when: ({ seen_up, waiting }) => seen_up || waiting, run: holds.act },
    { name: 'ending what is overdue', when: ({ waiting }) => waiting, every: OVERDUE_EVERY, run: holds.failOverdue },
    { name: 'pausing schedules', every: PAUSE_EVERY, run: pauseFailing },
    { name: 'arming wake-ups', every: ARM_EVERY, run: arm },
    { name: 'firing', when: ({ schedules }) => schedules, run: fire },
    {
      name: 'purging',
      when: ({ deleted }) => deleted,
      every: PURGE_EVERY,
      run: () => db.tasks.purgeHidden(PURGE_BATCH),
    },
    { name: 'pruning workers', every: PRUNE_EVERY, run: () => db.workers.prune() },
  ]

  return async () => {
    const found = await findToDo(sql, checkMs)
    for (const { name, when, every = 1, run } of steps) {
      if (round % every !== 0 || when?.(found) === false) continue
      // No step keeps another from being done.
      await troubles.during(name, () => run(found)).catch(() => undefined)
    }
    round++
  }
}
