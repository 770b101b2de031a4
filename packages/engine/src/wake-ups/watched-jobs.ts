import type { Clock } from '@automagik-spark/core'
import type { JobParameters, JobRepository } from 'agenda'
import type { Logger } from '../logger.ts'
import { within } from '../within.ts'
import { WAKE, type WakeStore } from './store.ts'

/** More than the 3 ms by which Agenda's timers were seen to be early. */
const FORGOTTEN_AFTER_MS = 5
const START_WAIT_MS = 500
const STOP_WAIT_MS = 5_000
const STOP_LOOK_MS = 10

type Deps = {
  store: WakeStore
  clock: Clock
  logger: Logger
  lockLifetimeMs: number
  isPrepared: () => boolean
  /** Makes Agenda scan its jobs now. */
  look: () => void
}

export type WatchedJobs = {
  readonly repository: JobRepository
  /** Locks no more jobs; ends when no lock is under way. */
  close(): Promise<void>
  /** Ends when the running jobs have ended and were removed. */
  drain(): Promise<void>
}

/**
 * Agenda's repository of jobs with four faults of Agenda mended: it goes by this machine's clock; it forgets a job whose timer was early
 * until the next scan; an error in `unlockJob` ends the process; a job that is locked during a stop stays locked.
 */
export const makeWatchedJobs = ({ store, clock, logger, lockLifetimeMs, isPrepared, look }: Deps): WatchedJobs => {
  const inner = store.jobs
  const locking = new Set<Promise<unknown>>()
  const running = new Set<string>()
  const reminders = new Map<string, NodeJS.Timeout>()
  let closed = false

  const forget = (id: string) => {
    clearTimeout(reminders.get(id))
    reminders.delete(id)
  }
  const remind = (id: string | undefined, inMs: number) => {
    if (!id) return
    forget(id)
    reminders.set(
      id,
      setTimeout(() => {
        reminders.delete(id)
        look()
      }, inMs),
    )
  }

  const harmless = async (what: string, action: Promise<unknown>): Promise<void> => {
    try {
      await action
    } catch (error) {
      logger.debug({ err: error }, what)
    }
  }

  /** Locks by PostgreSQL's time and answers in this machine's, so that a worker with a wrong clock is on time. */
  const lockNext = async (
    ...[name, nextScanAt, lockDeadline, , options]: Parameters<JobRepository['getNextJobToRun']>
  ) => {
    const now = clock.now()
    const aheadMs = lockDeadline.getTime() + lockLifetimeMs - now.getTime()
    const shift = (at: Date, ms: number) => new Date(at.getTime() + ms)
    const job = await inner.getNextJobToRun(
      name,
      shift(nextScanAt, -aheadMs),
      shift(lockDeadline, -aheadMs),
      now,
      options,
    )
    if (!job) return undefined
    if (closed) {
      await inner.unlockJob(job)
      return undefined
    }
    logger.debug({ second: job.nextRunAt }, 'a wake-up is locked')
    const inMs = job.nextRunAt ? job.nextRunAt.getTime() - now.getTime() : 0
    if (inMs > 0) remind(job._id, inMs + FORGOTTEN_AFTER_MS)
    return {
      ...job,
      nextRunAt: job.nextRunAt && shift(job.nextRunAt, aheadMs),
      ...(job.lockedAt ? { lockedAt: shift(job.lockedAt, aheadMs) } : {}),
    }
  }

  const repository: Partial<JobRepository> = {
    async getNextJobToRun(...args) {
      if (closed || !isPrepared()) return undefined
      const attempt = lockNext(...args)
      locking.add(attempt)
      try {
        return await attempt
      } catch (error) {
        logger.debug({ err: error }, 'no wake-up could be locked')
        return undefined
      } finally {
        locking.delete(attempt)
      }
    },
    /** Agenda saves a job twice: when it starts, and when it has ended, just before it is removed. */
    async saveJobState(job: JobParameters) {
      const isEnd = !job.lockedAt
      if (isEnd || !job._id) return
      forget(job._id)
      running.add(job._id)
      // The wake-up is delivered even when the store is down, hangs or was emptied.
      await harmless(
        'the start of a wake-up was not saved',
        within(START_WAIT_MS, store.started(job._id, clock.now()), 'the store of wake-ups'),
      )
    },
    async removeJobs(options) {
      try {
        return await inner.removeJobs(options)
      } finally {
        if (options.id) running.delete(options.id)
      }
    },
    unlockJob: (job) => harmless('a wake-up stays locked until its lock is over', inner.unlockJob(job)),
    unlockJobs: (ids) => harmless('wake-ups stay locked until their locks are over', inner.unlockJobs(ids)),
  }

  return {
    // The other methods stay the backend's, which find their pool through the prototype.
    repository: Object.assign(Object.create(inner) as JobRepository, repository),
    async close() {
      closed = true
      for (const reminder of reminders.values()) clearTimeout(reminder)
      reminders.clear()
      await Promise.allSettled(locking)
    },
    async drain() {
      const start = performance.now()
      while (running.size > 0 && performance.now() - start < STOP_WAIT_MS) {
        await new Promise((resolve) => setTimeout(resolve, STOP_LOOK_MS))
      }
      if (running.size > 0) logger.warn({ jobs: running.size }, `stopped while a job "${WAKE}" was running`)
    },
  }
}
