import type { Clock } from '@automagik-spark/core'
import { MINUTE, SECOND } from '@automagik-spark/core'
import type { Db, Recoverer, Sql, ToDo } from '@automagik-spark/db'
import { dueSeconds, findToDo, lostCallsOf, markExpired, takeOver } from '@automagik-spark/db'
import type { Logger, WakeUps } from '@automagik-spark/engine'
import type { CircuitBreakers } from './circuit-breakers.ts'
import type { Fire } from './fire.ts'
import type { HealthChecks } from './health-checks.ts'
import type { PauseFailing } from './pause-failing.ts'
import type { Runner } from './runner.ts'
import type { SecondTimers } from './second-timers.ts'
import type { Troubles } from './troubles.ts'

type Deps = {
  db: Db
  sql: Sql
  wakeUps: WakeUps
  clock: Clock
  logger: Logger
  random: () => number
  troubles: Troubles
  secondTimers: SecondTimers
  fire: Fire
  runner: Runner
  circuitBreakers: CircuitBreakers
  healthChecks: HealthChecks
  pauseFailing: PauseFailing
  /** This worker, for calls of dead ones whose outcomes can be recovered from their servers. */
  recoverer: Recoverer
  /** Between two health checks of a source. */
  checkMs: number
  /** How long a task stays with its worker after its lease ran out, before it is taken over. */
  graceMs: number
}

/** Rounds between two runs of a step. */
const ARM_EVERY = 5
const PAUSE_EVERY = 5
const OVERDUE_EVERY = 10
const PURGE_EVERY = 2
const PRUNE_EVERY = 600
const PURGE_BATCH = 2_000

type Step = {
  /** In the log and in `/health`. */
  name: string
  /** Whether there is work for it. Left out: always. */
  when?: (found: ToDo) => boolean
  /** In this many rounds once. */
  every?: number
  run: (found: ToDo) => Promise<unknown>
}

/**
 * The fallback for everything: it finds in PostgreSQL what lost wake-ups, missed NOTIFYs and dead workers left undone. Every step may be
 * done twice, and each is bounded.
 */
export const makeReconcile = (deps: Deps) => {
  const { db, sql, wakeUps, clock, logger, random, troubles, secondTimers, recoverer, checkMs, graceMs } = deps
  const { fire, runner, circuitBreakers, healthChecks, pauseFailing } = deps
  let round = 0

  /** Sets timers for the seconds of the next minute, and arms those that have no wake-up in Agenda's store. */
  const arm = async () => {
    const from = clock.now()
    const to = new Date(from.getTime() + MINUTE + ARM_EVERY * 2 * SECOND)
    const seconds = await dueSeconds(sql, from, to)
    secondTimers.watch(seconds)
    if (seconds.length === 0 || !wakeUps.isUp()) return
    const armed = new Set((await wakeUps.armed(from, to)).map((second) => second.getTime()))
    const missing = seconds.filter((second) => !armed.has(second.getTime()))
    if (missing.length > 0) await wakeUps.wakeAtAll(missing)
  }

  const takeOverExpired = async () => {
    await markExpired(sql)
    const taken = await takeOver(sql, graceMs, random, recoverer)
    if (taken.some(({ status }) => status === 'running'))
      await runner.takeOver(await lostCallsOf(sql, recoverer.worker_id))
    for (const task of taken)
      logger.warn({ task_id: task.id, status: task.status }, 'task taken over from a dead worker')
    const retries = taken.flatMap((task) => task.next_retry_at ?? [])
    if (retries.length > 0) secondTimers.arm(retries)
  }

  /** What may take long comes last. */
  const steps: Step[] = [
    { name: 'waking the claim', when: ({ tasks }) => tasks, run: async () => runner.pump() },
    { name: 'taking over', when: ({ leases }) => leases, run: takeOverExpired },
    { name: 'checking sources', when: ({ checks }) => checks, run: healthChecks.start },
    { name: 'failing manual runs', when: ({ seen_up, waiting }) => seen_up || waiting, run: circuitBreakers.act },
    {
      name: 'failing overdue tasks',
      when: ({ waiting }) => waiting,
      every: OVERDUE_EVERY,
      run: circuitBreakers.failOverdue,
    },
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

  return async (): Promise<void> => {
    const found = await findToDo(sql, checkMs)
    for (const { name, when, every = 1, run } of steps) {
      if (round % every !== 0 || when?.(found) === false) continue
      // A step that fails must not keep the others from being done.
      await troubles.during(name, () => run(found)).catch(() => undefined)
    }
    round++
  }
}
