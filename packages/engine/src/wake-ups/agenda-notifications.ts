import { setTimeout as sleep } from 'node:timers/promises'
import { PostgresNotificationChannel } from '@agendajs/postgres-backend'
import type { Clock } from '@automagik-spark/core'
import { makeBackoff } from '@automagik-spark/core'
import {
  type JobNotification,
  type NotificationChannel,
  type NotificationChannelState,
  type NotificationHandler,
  toJobId,
} from 'agenda'
import type { PoolClient } from 'pg'
import type { Logger } from '../logger.ts'
import { makeAgendaPool } from './agenda-pool.ts'
import { WAKE } from './store.ts'

const CHANNEL = 'spark_agenda'
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5_000

/** The shape that Agenda's channel parses. Without a time every worker scans at once, whatever its own clock says. */
const lookNow = (timestamp: Date): JobNotification => ({
  jobId: toJobId(''),
  jobName: WAKE,
  nextRunAt: null,
  priority: 0,
  timestamp,
})

/** The arguments of `pg_notify($1, $2)` that make all workers scan for wake-ups now. */
export const announcement = (now: Date): [channel: string, payload: string] => [CHANNEL, JSON.stringify(lookNow(now))]

export type Announcements = NotificationChannel & {
  /** Makes this process scan for wake-ups now. */
  look(): void
}

type Deps = { databaseUrl: string; clock: Clock; logger: Logger }

/**
 * Agenda's PostgresNotificationChannel with reconnects. Its own attempts to listen each lose a connection of the pool when they fail, so
 * every attempt here gets a new channel and pool. It would also announce each start and end of a job; nobody reads that, so it is left out.
 */
export const makeAnnouncements = ({ databaseUrl, clock, logger }: Deps): Announcements => {
  const handlers = new Set<NotificationHandler>()
  let state: NotificationChannelState = 'disconnected'
  let stopping = new AbortController()
  let running: Promise<void> | undefined

  const tell = (notification: JobNotification) => {
    for (const handler of handlers) {
      Promise.resolve(handler(notification)).catch((error: unknown) =>
        logger.error({ err: error }, 'an announcement failed'),
      )
    }
  }

  /** Ends when the connection has ended, for whatever reason. */
  const listen = async (signal: AbortSignal): Promise<void> => {
    const ignore = (error: unknown) => logger.debug({ err: error }, 'the connection for announcements failed')
    const pool = makeAgendaPool({ databaseUrl, max: 1, onError: ignore })
    let client: PoolClient | undefined
    let end = () => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    signal.addEventListener('abort', end)
    pool.on('acquire', (acquired) => {
      client = acquired
      acquired.once('end', end)
    })
    try {
      const channel = new PostgresNotificationChannel({ channelName: CHANNEL, pool, reconnect: { enabled: false } })
      channel.on('error', ignore)
      channel.subscribe(tell)
      await channel.connect()
      if (signal.aborted) return
      state = 'connected'
      logger.debug({}, 'announcements are heard')
      // What was announced before the connection was not heard.
      tell(lookNow(clock.now()))
      await ended
    } finally {
      signal.removeEventListener('abort', end)
      try {
        client?.release(true)
      } catch {
        // A failed attempt has released it already.
      }
      pool.end().catch(ignore)
    }
  }

  const keepListening = async (signal: AbortSignal): Promise<void> => {
    const backoff = makeBackoff({ firstMs: FIRST_RETRY_MS, lastMs: LAST_RETRY_MS })
    while (!signal.aborted) {
      let reason: unknown
      try {
        await listen(signal)
        backoff.reset()
      } catch (error) {
        reason = error
      }
      if (signal.aborted) return
      if (state === 'connected')
        logger.warn({ err: reason }, 'announcements are not heard; until they are, scans find the wake-ups')
      state = 'reconnecting'
      await sleep(backoff.next(), undefined, { signal }).catch(() => undefined)
    }
  }

  const announcements: Announcements = {
    get state() {
      return state
    },
    async connect() {
      stopping = new AbortController()
      running ??= keepListening(stopping.signal)
    },
    async disconnect() {
      stopping.abort()
      // An attempt that hangs is not waited for; it ends by itself.
      running = undefined
      state = 'disconnected'
    },
    subscribe(handler) {
      handlers.add(handler)
      return () => handlers.delete(handler)
    },
    // Agenda saves no job through this: the store inserts wake-ups and announces them itself.
    async publish() {},
    on: () => announcements,
    off: () => announcements,
    look: () => tell(lookNow(clock.now())),
  }
  return announcements
}
