import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { ceilToSecond, type Clock, makeBackoff } from '@automagik-spark/core'
import { Agenda } from 'agenda'
import { z } from 'zod'
import type { Logger } from '../logger.ts'
import { within } from '../within.ts'
import { makeAnnouncements } from './agenda-notifications.ts'
import { agendaSchema, makeAgendaPool } from './agenda-pool.ts'
import { makeArmedSeconds } from './armed-seconds.ts'
import { makeMongoWakeStore } from './mongo-store.ts'
import { makePostgresWakeStore } from './postgres-store.ts'
import { WAKE, type WakeStore } from './store.ts'
import type { WakeUps } from './wake-ups.ts'
import { makeWatchedJobs } from './watched-jobs.ts'

type Deps = {
  databaseUrl: string
  /** Without it the wake-ups are in PostgreSQL too. */
  mongodbUri?: string | undefined
  clock: Clock
  logger: Logger
  /** How often Agenda scans its jobs, and how far ahead it locks them. */
  processEveryMs?: number
  /** After this long another worker takes a wake-up that a dead one had locked. Must be above processEveryMs. */
  lockLifetimeMs?: number
}

const CALLER_WAIT_MS = 1_000
const ANSWER_WAIT_MS = 2_000
const RETRY_MS = 100
const CHECK_EVERY_MS = 1_000
/** How long an early wake-up waits for its second; when the second is further away, it is armed again. */
const EARLY_WAIT_MS = 1_000
/** Agenda's intervals drift by some milliseconds. */
const DRIFT_MS = 500
/** Handlers are short, but after an outage there are many. */
const AT_ONCE = 20
const POOL_MAX = 3

const WakeData = z.object({ second: z.iso.datetime() })

/**
 * Wake-ups as Agenda jobs, in MongoDB when its URI is given, else in PostgreSQL. Connects in the background and retries for ever.
 * Agenda keeps a timer for up to half of lockLifetimeMs after each job, also after `stop`; so a process ends by `exit`.
 */
export const makeAgendaWakeUps = ({
  databaseUrl,
  mongodbUri,
  clock,
  logger,
  processEveryMs = 5_000,
  lockLifetimeMs = 30_000,
}: Deps): WakeUps => {
  const onError = (error: Error) => logger.debug({ err: error }, 'a connection of the store of wake-ups failed')
  const pool = makeAgendaPool({ databaseUrl, max: POOL_MAX, onError })
  const store: WakeStore = mongodbUri
    ? makeMongoWakeStore({ mongodbUri, pool, clock, onError })
    : makePostgresWakeStore({ pool, schema: agendaSchema(databaseUrl), clock })
  const announcements = makeAnnouncements({ databaseUrl, clock, logger })
  const known = makeArmedSeconds(clock)
  const stopping = new AbortController()
  const { signal } = stopping
  setMaxListeners(2 * AT_ONCE, signal)
  let up: boolean | undefined
  let prepared = false
  let agenda: Agenda | undefined

  const jobs = makeWatchedJobs({
    store,
    clock,
    logger,
    lockLifetimeMs,
    isPrepared: () => prepared,
    look: announcements.look,
  })

  const check = async (): Promise<void> => {
    try {
      if (up) return await within(ANSWER_WAIT_MS, store.ping(), 'the store of wake-ups')
      await store.prepare()
      if (signal.aborted) return
      logger.info({ backend: store.backend }, 'the store of wake-ups is up')
      up = prepared = true
      announcements.look()
    } catch (error) {
      if (up !== false && !signal.aborted)
        logger.warn({ backend: store.backend, err: error }, 'the store of wake-ups is down; trying again')
      up = false
    }
  }

  const watch = async (): Promise<void> => {
    const backoff = makeBackoff({ firstMs: 2 * RETRY_MS, lastMs: CHECK_EVERY_MS })
    while (!signal.aborted) {
      await check()
      if (up) backoff.reset()
      await sleep(up ? CHECK_EVERY_MS : backoff.next(), undefined, { signal }).catch(() => undefined)
    }
  }
  const watching = watch()

  /** Retries until it works or the time is over. */
  const insert = async (seconds: Date[], waitMs: number): Promise<void> => {
    const deadline = performance.now() + waitMs
    const soon = clock.now().getTime() + processEveryMs + DRIFT_MS
    const announce = seconds.some((second) => second.getTime() <= soon)
    for (;;) {
      try {
        if (!prepared) throw new Error('the store of wake-ups was never reached')
        return await within(deadline - performance.now(), store.insert(seconds, announce), 'the store of wake-ups')
      } catch (error) {
        if (signal.aborted || performance.now() + 2 * RETRY_MS > deadline) throw error
        await sleep(RETRY_MS)
      }
    }
  }

  const arm = async (seconds: Date[], waitMs: number): Promise<boolean> => {
    if (seconds.length === 0) return true
    try {
      await insert(seconds, waitMs)
      return true
    } catch (error) {
      logger.warn({ err: error, second: seconds[0], seconds: seconds.length }, 'not armed: the reconciler will arm it')
      return false
    }
  }

  /** Whether the second has come by PostgreSQL's clock. Agenda's timers go by this machine's. */
  const hasCome = async (second: Date): Promise<boolean> => {
    const start = performance.now()
    for (;;) {
      const earlyMs = second.getTime() - clock.now().getTime()
      if (earlyMs <= 0) return true
      if (signal.aborted || performance.now() - start >= EARLY_WAIT_MS) return false
      await sleep(Math.min(earlyMs, EARLY_WAIT_MS), undefined, { signal }).catch(() => undefined)
    }
  }

  /** Never throws, so that Agenda removes the job and does not retry it. */
  const handle = async (data: unknown, onWake: (second: Date) => Promise<void>): Promise<void> => {
    const parsed = WakeData.safeParse(data)
    if (!parsed.success) return logger.error({ err: parsed.error }, 'a wake-up without a second')
    const second = new Date(parsed.data.second)
    if (!(await hasCome(second))) return void (await arm([second], CALLER_WAIT_MS))
    try {
      await onWake(second)
    } catch (error) {
      logger.error({ err: error, second }, 'a wake-up failed: the reconciler will look again')
    }
  }

  return {
    backend: store.backend,
    async wakeAt(at) {
      const second = ceilToSecond(at)
      await known.once(second, () => arm([second], CALLER_WAIT_MS))
    },
    async wakeAtAll(seconds) {
      const unique = [...new Set(seconds.map((second) => ceilToSecond(second).getTime()))]
        .sort((a, b) => a - b)
        .map((ms) => new Date(ms))
      if (await arm(unique, ANSWER_WAIT_MS)) known.add(unique)
    },
    async armed(from, to) {
      if (!prepared) throw new Error('the store of wake-ups was never reached')
      const seconds = await within(ANSWER_WAIT_MS, store.waiting(from, to), 'the store of wake-ups')
      known.replace(from, to, seconds)
      return seconds
    },
    async listen(onWake) {
      if (agenda) throw new Error('listen is called once')
      agenda = new Agenda({
        backend: {
          name: store.backend,
          repository: jobs.repository,
          notificationChannel: announcements,
          ownsConnection: false,
          connect: async () => {},
          disconnect: async () => {},
        },
        processEvery: processEveryMs,
        defaultLockLifetime: lockLifetimeMs,
        lockLimit: 0,
        defaultConcurrency: AT_ONCE,
        maxConcurrency: AT_ONCE,
        removeOnComplete: true,
      })
      agenda.on('error', (error) => logger.error({ err: error }, 'Agenda reports an error'))
      // One parameter: with a second one Agenda would wait for a callback.
      agenda.define(WAKE, async (job) => handle(job.attrs.data, onWake))
      await agenda.start()
    },
    isUp: () => up === true,
    async stop() {
      stopping.abort()
      await jobs.close()
      await agenda?.stop(false)
      await jobs.drain()
      // A server that hangs is not waited for.
      await within(CALLER_WAIT_MS, Promise.allSettled([watching, store.close()])).catch(onError)
      up = false
    },
  }
}
