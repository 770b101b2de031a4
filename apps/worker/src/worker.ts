import { setTimeout as sleep } from 'node:timers/promises'
import { RECOVERING_TYPES } from '@automagik-spark/adapters'
import type { SourceType } from '@automagik-spark/core'
import { ceilToSecond } from '@automagik-spark/core'
import type { Db } from '@automagik-spark/db'
import { addEvent, idsIn, listen, makeQueueDb } from '@automagik-spark/db'
import type { DbClock, Ids, Logger, OpenSource, WakeUps } from '@automagik-spark/engine'
import { announceDue, GONE, loop, makeFlowCopies, makeFlowReads } from '@automagik-spark/engine'
import { makeAttempt } from './attempt.ts'
import { makeHolds } from './circuit-breakers.ts'
import { makeConfirmNotFound } from './confirm-not-found.ts'
import { makeFire } from './fire.ts'
import { makeChecks } from './health-checks.ts'
import { makeHeartbeat } from './heartbeat.ts'
import { type DriftedFlow, makePrepare } from './prepare.ts'
import { makeReconcile } from './reconcile.ts'
import { makeAsk } from './recover.ts'
import { makeRunner } from './runner.ts'
import { makeGuard } from './second-timers.ts'
import { makeSettler } from './settle.ts'
import { makeTargets } from './targets.ts'
import { makeTroubles } from './troubles.ts'
import { makeUnsent } from './unsent.ts'

/** Lengths in milliseconds; tests bring shorter ones. */
export type WorkerTimes = { leaseMs: number; graceMs: number; reconcileMs: number; drainMs: number; checkMs: number }
export const WORKER_TIMES = { leaseMs: 30_000, graceMs: 10_000, reconcileMs: 1_000, checkMs: 60_000 } as const

/** How long aborted calls may take to let go, at the end of a drain. */
const LAST_WAIT_MS = 1_000

export type WorkerDeps = {
  url: string
  db: Db
  wakeUps: WakeUps
  clock: DbClock
  ids: Ids
  logger: Logger
  random: () => number
  openSource: OpenSource
  /** Kinds of servers that can be asked what became of a lost call; left out: those of the adapters. */
  can_be_asked?: readonly SourceType[]
  hostname: string
  pid: number
  version: string
  concurrency: number
  maxOutputBytes: number
  /** Seconds. */
  default_timeout: number
  times: WorkerTimes
  /** Only for the test that proves that Agenda alone wakes everything: without the guard, the reconciler and announcements. */
  nets?: boolean
}

/** A worker: fires what is due, runs what is ready, takes over what dead workers left. */
export const startWorker = async (deps: WorkerDeps) => {
  const { url, db, wakeUps, clock, ids, logger, random, times, nets = true } = deps
  const worker_id = ids.next()
  const log = logger.child({ worker_id })
  const warn = (message: string) => (error: unknown) => log.warn({ err: error }, message)
  const queueDb = makeQueueDb({ url, name: 'worker', onError: warn('a connection to PostgreSQL broke') })
  /** Retries, and sources that may be back, are woken like schedules. Lost on the way, the reconciler arms them. */
  const arm = (at: Date[]) => {
    if (nets) guard.watch(at)
    // Agenda knows whole seconds.
    void wakeUps.wakeAtAll(at.map(ceilToSecond))
  }
  const announce = announceDue({ sql: db.sql, wakeUps, clock })
  const onReleased = () => void announce(clock.now())
  const holds = makeHolds({ sql: db.sql, logger: log })
  const checks = makeChecks({
    sql: db.sql,
    openSource: deps.openSource,
    logger: log,
    random,
    everyMs: times.checkMs,
    arm,
    onReleased,
    onDown: holds.failManualRuns,
  })
  const pauseFailing = async () => {
    for (const schedule_id of await db.schedules.pauseFailing())
      log.warn({ schedule_id }, 'schedule is paused: its runs failed too often, or its flow is gone')
  }
  const troubles = makeTroubles({ logger: log, onChange: () => void beatQuietly() })
  const settler = makeSettler({
    sql: queueDb.settle,
    logger: log,
    troubles,
    onRetries: arm,
    onFailed: () => void pauseFailing().catch(warn('schedules could not be paused; the reconciler tries again')),
    onOutcomes: () => holds.look().catch(warn('sources could not be looked through; the reconciler tries again')),
  })
  const targets = makeTargets(db.sql)
  const confirmNotFound = makeConfirmNotFound({ openSource: deps.openSource })
  const copies = makeFlowCopies({ db, clock, ids })
  const mendCopy = ({ target: { source }, remote, flow, chosen_input, chosen_output, change }: DriftedFlow) =>
    copies.mend(
      { source_id: source.source_id, remote, flow },
      { input_component: chosen_input ?? undefined, output_component: chosen_output ?? undefined, said: [change] },
    )
  const fire = makeFire({ sql: queueDb.fire, wakeUps, ids, logger: log, default_timeout: deps.default_timeout })
  const runner = makeRunner({
    worker_id,
    claimSql: queueDb.claim,
    intendSql: queueDb.intend,
    targets,
    settler,
    troubles,
    ids,
    logger: log,
    concurrency: deps.concurrency,
    leaseMs: times.leaseMs,
    random,
    confirmNotFound,
    prepare: makePrepare({
      openSource: deps.openSource,
      reads: makeFlowReads(),
      logger: log,
      onDrift: (drifted) =>
        void mendCopy(drifted).catch(warn('the copy of a changed flow could not be mended; the next run tries again')),
      onLost: (workflow_id, why) => void db.workflows.addWarning(workflow_id, why).catch(warn('a warning was lost')),
    }),
    attempt: makeAttempt({
      openSource: deps.openSource,
      confirmNotFound,
      logger: log,
      random,
      maxOutputBytes: deps.maxOutputBytes,
    }),
    ask: makeAsk({ openSource: deps.openSource, logger: log, random, maxOutputBytes: deps.maxOutputBytes }),
    unsent: makeUnsent({ sql: db.sql, settler, checks, logger: log }),
    onStreamsOnly: (...learnt) =>
      void db.workflows.markStreamsOnly(...learnt).catch(warn('a flow could not be marked')),
    onGone: (workflow_id) => void db.workflows.addWarning(workflow_id, GONE).catch(warn('a warning was lost')),
    onNote: (task, message) =>
      addEvent(db.sql, { task_id: task.id, type: 'note', message, try: task.tries }).catch(warn('a note was lost')),
  })
  const heartbeat = makeHeartbeat({
    sql: queueDb.heartbeat,
    clock,
    logger: log,
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
  const beatQuietly = () => troubles.during('heartbeat', heartbeat.once).catch(() => undefined)
  const fireQuietly = () => troubles.during('firing', fire).catch(() => undefined) // the reconciler tries again
  const checkQuietly = () => checks.look().catch(warn('sources could not be checked; the reconciler tries again'))
  /** At a due second: schedules to fire, tasks whose next try has come, sources that may be back. */
  const look = () => {
    runner.pump()
    void checkQuietly()
    return fireQuietly()
  }
  const guard = makeGuard({ clock, look: () => void look() })
  const reconcile = makeReconcile({
    db,
    sql: queueDb.heartbeat,
    wakeUps,
    clock,
    logger: log,
    troubles,
    fire,
    pump: runner.pump,
    onRetries: arm,
    holds,
    checks,
    checkMs: times.checkMs,
    pauseFailing,
    adopt: runner.adopt,
    asker: { worker_id, leaseMs: times.leaseMs, source_types: deps.can_be_asked ?? RECOVERING_TYPES },
    random,
    watch: guard.watch,
    graceMs: times.graceMs,
  })

  await heartbeat.once() // it can be counted, and its clock is right, before it does anything
  const listener = listen({
    url,
    name: 'spark-worker-listen',
    channels: ['spark_ready', 'spark_due', 'spark_cancel'],
    onError: warn('listening broke; connecting again'),
    onMessage(channel, payload) {
      if (channel === 'spark_ready') runner.pump()
      else if (channel === 'spark_cancel') for (const id of idsIn(payload)) runner.stop(id, 'cancelled')
      else if (nets && !Number.isNaN(Date.parse(payload))) guard.watch([new Date(payload)])
    },
    onUp() {
      runner.pump()
      if (nets) void fireQuietly()
    },
  })
  const beating = loop(times.leaseMs / 4, random, beatQuietly, () => undefined)
  const looking = nets
    ? loop(
        times.reconcileMs,
        random,
        () => troubles.during('reconciling', reconcile),
        () => undefined,
      )
    : null
  await wakeUps.listen(async () => void (await look()))
  log.info({ concurrency: deps.concurrency, store: wakeUps.backend }, 'worker started')

  /** What is in hand gets `drainMs` to end; then what was not sent goes back, and the leases of the rest end now. */
  const drain = async () => {
    await runner.close()
    heartbeat.setStatus('draining')
    await beatQuietly()
    const until = performance.now() + times.drainMs
    if (runner.count() > 0)
      log.info({ tasks: runner.count(), at_most_s: times.drainMs / 1000 }, 'waiting for the runs in hand')
    while (runner.count() > 0 && performance.now() < until) await sleep(Math.min(50, times.drainMs))
    const rest = runner.held()
    if (rest.length === 0) return
    log.warn({ tasks: rest.length }, 'runs were not over when the drain time was')
    // Let go first, so that no heartbeat prolongs a lease again and nothing more is written by this process.
    for (const { task } of rest) runner.stop(task.id, 'gone')
    const goneBy = performance.now() + LAST_WAIT_MS
    while (runner.count() > 0 && performance.now() < goneBy) await sleep(20)
    await settler.handBack(
      rest.filter((held) => held.phase === 'claimed').map(({ task }) => task),
      'the worker was shut down before the call',
    )
    await queueDb.heartbeat
      .query(
        `UPDATE tasks SET lease_until = spark_now() WHERE id = ANY ($1::uuid[]) AND worker_id = $2 AND status = 'running'`,
        [rest.map(({ task }) => task.id), worker_id],
      )
      .catch(warn('leases could not be ended; they will run out'))
  }

  return {
    id: worker_id,
    /** For tests, which do by hand what the loops do. */
    fire,
    reconcile,
    heartbeat,
    runner,
    /** To be called when wake-ups are stopped. Fires and claims nothing more, drains, and closes its connections. */
    async stop() {
      guard.stop()
      await looking?.stop()
      await checks.stop()
      await drain() // with heartbeats on
      await beating.stop()
      await listener.close()
      heartbeat.setStatus('stopped')
      await beatQuietly()
      await queueDb.close()
      log.info({}, 'worker stopped')
    },
  }
}
export type RunningWorker = Awaited<ReturnType<typeof startWorker>>
