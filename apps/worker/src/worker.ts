import { RECOVERING_TYPES } from '@automagik-spark/adapters'
import type { SourceType } from '@automagik-spark/core'
import type { Db } from '@automagik-spark/db'
import { idsIn, listen, makeQueueDb } from '@automagik-spark/db'
import type { DbClock, Ids, Logger, OpenSource, WakeUps } from '@automagik-spark/engine'
import { announceDue, loop, makeFlowCopies, makeFlowReads } from '@automagik-spark/engine'
import { makeAttempt } from './attempt.ts'
import { makeCircuitBreakers } from './circuit-breakers.ts'
import { makeConfirmNotFound } from './confirm-not-found.ts'
import { makeDrain } from './drain.ts'
import { makeFire } from './fire.ts'
import { makeFlowFindings } from './flow-findings.ts'
import { makeHealthChecks } from './health-checks.ts'
import { makeHeartbeat } from './heartbeat.ts'
import { makePauseFailing } from './pause-failing.ts'
import { makePrepare } from './prepare.ts'
import { makeReconcile } from './reconcile.ts'
import { makeRecover } from './recover.ts'
import { makeRunTask } from './run-task.ts'
import { makeRunner } from './runner.ts'
import { makeSecondTimers } from './second-timers.ts'
import { makeSettler } from './settle.ts'
import { makeTargets } from './targets.ts'
import { makeTaskLog } from './task-log.ts'
import { makeTroubles } from './troubles.ts'
import { makeHandleUnsent } from './unsent.ts'

/** Lengths in milliseconds; tests bring shorter ones. */
export type WorkerTimes = { leaseMs: number; graceMs: number; reconcileMs: number; drainMs: number; checkMs: number }
export const WORKER_TIMES = { leaseMs: 30_000, graceMs: 10_000, reconcileMs: 1_000, checkMs: 60_000 } as const

export type WorkerDeps = {
  url: string
  db: Db
  wakeUps: WakeUps
  clock: DbClock
  ids: Ids
  logger: Logger
  random: () => number
  openSource: OpenSource
  /** Kinds of servers that can tell the outcome of a lost call. Left out: those of the adapters. */
  recovering_types?: readonly SourceType[]
  hostname: string
  pid: number
  version: string
  concurrency: number
  maxOutputBytes: number
  /** Seconds. */
  default_timeout: number
  times: WorkerTimes
  /** False only in tests that prove that Agenda alone wakes everything: no second timers, no `spark_due`, no loop that reconciles. */
  fallback?: boolean
}

/**
 * A worker: it fires schedules that are due, claims tasks that are ready, calls their flows, and takes over what dead workers left.
 *
 * Who wakes whom. Nothing relies on one way alone: every wake-up may be lost, and `reconcile` finds what it was for.
 *
 *   NOTIFY spark_ready (a task can be claimed), a free slot  ─► runner: claim, run-task, settle
 *   NOTIFY spark_cancel, heartbeat (cancelled or deleted)    ─► runner: stop the call
 *   NOTIFY spark_due (due within 2 s)                        ─► second timers
 *   Agenda at a due second, second timers 20 ms after it     ─► fire (NOTIFY spark_ready), runner, health checks
 *   settle (retry later), health checks (source suspended)   ─► second timers and Agenda, for that second
 *   a call that was not sent                                 ─► health checks; a source is back ─► NOTIFY spark_due
 *   reconcile, each second: whatever PostgreSQL shows        ─► all of the above; lost calls of dead workers ─► runner: recover
 */
export const startWorker = async (deps: WorkerDeps) => {
  const { url, db, wakeUps, clock, ids, random, openSource, maxOutputBytes, times, fallback = true } = deps
  const worker_id = ids.next()
  const logger = deps.logger.child({ worker_id })
  const warn = (message: string) => (error: unknown) => logger.warn({ err: error }, message)
  const queueDb = makeQueueDb({ url, name: 'worker', onError: warn('a connection to PostgreSQL broke') })

  // What the parts below share.
  const troubles = makeTroubles({ logger })
  const secondTimers = makeSecondTimers({ clock, wakeUps, isOn: fallback })
  const taskLog = makeTaskLog({ sql: db.sql, logger })
  const targets = makeTargets(db.sql)
  const flowFindings = makeFlowFindings({ workflows: db.workflows, copies: makeFlowCopies({ db, clock, ids }), logger })

  // Sources that are down, and schedules that fail.
  const circuitBreakers = makeCircuitBreakers({ sql: db.sql, logger })
  const healthChecks = makeHealthChecks({
    sql: db.sql,
    openSource,
    clock,
    logger,
    random,
    everyMs: times.checkMs,
    secondTimers,
    announceDue: announceDue({ sql: db.sql, wakeUps, clock }),
    circuitBreakers,
  })
  const pauseFailing = makePauseFailing({ schedules: db.schedules, logger })

  // A due time becomes a task, and a task a call and its end.
  const fire = makeFire({ sql: queueDb.fire, wakeUps, ids, logger, default_timeout: deps.default_timeout })
  const settler = makeSettler({
    sql: queueDb.settle,
    logger,
    troubles,
    taskLog,
    secondTimers,
    circuitBreakers,
    pauseFailing,
  })
  const confirmNotFound = makeConfirmNotFound({ openSource })
  const runTask = makeRunTask({
    sql: queueDb.intend,
    prepare: makePrepare({ openSource, reads: makeFlowReads(), flowFindings, logger }),
    attempt: makeAttempt({ openSource, confirmNotFound, logger, random, maxOutputBytes }),
    recover: makeRecover({ openSource, logger, random, maxOutputBytes }),
    confirmNotFound,
    handleUnsent: makeHandleUnsent({ sql: db.sql, settler, healthChecks, logger }),
    settler,
    targets,
    flowFindings,
    taskLog,
    troubles,
    logger,
    random,
  })
  const runner = makeRunner({
    worker_id,
    sql: queueDb.claim,
    targets,
    runTask,
    settler,
    troubles,
    ids,
    logger,
    concurrency: deps.concurrency,
    leaseMs: times.leaseMs,
  })

  // What goes on for as long as the worker lives.
  const heartbeat = makeHeartbeat({
    sql: queueDb.heartbeat,
    clock,
    logger,
    runner,
    troubles,
    leaseMs: times.leaseMs,
    worker: {
      id: worker_id,
      hostname: deps.hostname,
      pid: deps.pid,
      concurrency: deps.concurrency,
      version: deps.version,
    },
  })
  const reconcile = makeReconcile({
    db,
    sql: queueDb.heartbeat,
    wakeUps,
    clock,
    logger,
    random,
    troubles,
    secondTimers,
    fire,
    runner,
    circuitBreakers,
    healthChecks,
    pauseFailing,
    recoverer: { worker_id, leaseMs: times.leaseMs, source_types: deps.recovering_types ?? RECOVERING_TYPES },
    checkMs: times.checkMs,
    graceMs: times.graceMs,
  })
  const drain = makeDrain({
    sql: queueDb.heartbeat,
    logger,
    runner,
    heartbeat,
    settler,
    worker_id,
    drainMs: times.drainMs,
  })
  const fireQuietly = () => troubles.during('firing', fire).catch(() => undefined) // the reconciler tries again
  /** At a due second: schedules to fire, tasks whose next try has come, sources that may be back. */
  const onDueSecond = async (): Promise<void> => {
    runner.pump()
    void healthChecks.startQuietly()
    await fireQuietly()
  }

  secondTimers.listen(() => void onDueSecond())
  await heartbeat.once() // it can be counted, and its clock is right, before it does anything
  const listener = listen({
    url,
    name: 'spark-worker-listen',
    channels: ['spark_ready', 'spark_due', 'spark_cancel'],
    onError: warn('listening broke; connecting again'),
    onMessage(channel, payload) {
      if (channel === 'spark_ready') runner.pump()
      else if (channel === 'spark_cancel') for (const id of idsIn(payload)) runner.stop(id, 'cancelled')
      else if (!Number.isNaN(Date.parse(payload))) secondTimers.watch([new Date(payload)])
    },
    onUp() {
      runner.pump()
      if (fallback) void fireQuietly()
    },
  })
  // Errors are noted by `troubles`.
  const ignore = () => undefined
  const heartbeats = loop(times.leaseMs / 4, random, heartbeat.quietly, ignore)
  const reconciling = fallback
    ? loop(times.reconcileMs, random, () => troubles.during('reconciling', reconcile), ignore)
    : null
  await wakeUps.listen(onDueSecond)
  logger.info({ concurrency: deps.concurrency, store: wakeUps.backend }, 'worker started')

  return {
    id: worker_id,
    /** For tests, which do by hand what the loops do. */
    fire,
    reconcile,
    heartbeat,
    runner,
    /** To be called when wake-ups are stopped. Fires and claims nothing more, drains, and closes its connections. */
    async stop(): Promise<void> {
      secondTimers.stop()
      await reconciling?.stop()
      await healthChecks.stop()
      await drain() // with heartbeats on
      await heartbeats.stop()
      await listener.close()
      heartbeat.setStatus('stopped')
      await heartbeat.quietly()
      await queueDb.close()
      logger.info({}, 'worker stopped')
    },
  }
}
export type RunningWorker = Awaited<ReturnType<typeof startWorker>>
