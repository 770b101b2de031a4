import { makeBackoff } from '@automagik-spark/core'
import pg from 'pg'
import type { Sql } from './sql.ts'

/**
 * What processes tell each other through PostgreSQL. All are hints: a listener that is not connected misses them, and reads the tables when it
 * is connected again (`onUp`).
 * `spark_ready`: tasks can be claimed. `spark_due`: something is due within the next seconds (payload: that second).
 * `spark_done`: tasks that somebody may wait for ended (payload: their ids). `spark_cancel`: running tasks must stop (payload: their ids).
 */
export type Channel = 'spark_ready' | 'spark_due' | 'spark_done' | 'spark_cancel'

/** SQL that notifies a channel at the commit. @param payload SQL of a text; ids are separated by commas */
export const notifySql = (channel: Channel, payload = "''"): string => `pg_notify('${channel}', ${payload})`
/** So many ids fit into one payload, which holds less than 8,000 bytes. */
export const NOTIFY_BATCH = 200
/** The ids in a payload of `spark_done` or `spark_cancel`. */
export const idsIn = (payload: string): string[] => payload.split(',')

/** Tells the workers that tasks can be claimed. */
export const notifyReady = async (sql: Sql): Promise<void> => {
  await sql.query(`SELECT ${notifySql('spark_ready')}`)
}
/** Tells the workers that something is due at this second. */
export const notifyDue = async (sql: Sql, at: Date): Promise<void> => {
  await sql.query(`SELECT ${notifySql('spark_due', '$1')}`, [at.toISOString()])
}

export type Listener = { isUp(): boolean; close(): Promise<void> }

type Options = {
  url: string
  name: string
  channels: Channel[]
  onMessage: (channel: Channel, payload: string) => void
  /** After each (re)connection: what was sent meanwhile is lost, so read the tables. */
  onUp: () => void
  onError: (error: Error) => void
}

/** Listens on a connection of its own, and connects again for as long as it takes. */
export const listen = ({ url, name, channels, onMessage, onUp, onError }: Options): Listener => {
  const backoff = makeBackoff({ firstMs: 100, lastMs: 2_000 })
  let client: pg.Client | null = null
  let closed = false
  let timer: ReturnType<typeof setTimeout> | undefined

  const again = () => {
    client = null
    if (closed) return
    timer = setTimeout(() => void connect(), backoff.next())
  }
  const connect = async () => {
    const next = new pg.Client({
      connectionString: url,
      application_name: name,
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    })
    let over = false
    const end = (error?: Error) => {
      if (over) return
      over = true
      if (error && !closed) onError(error)
      void next.end().catch(() => undefined)
      again()
    }
    next.on('error', end)
    next.on('end', () => end())
    next.on('notification', ({ channel, payload }) => onMessage(channel as Channel, payload ?? '')) // only channels that we listen on arrive
    try {
      await next.connect()
      // A listener is idle for long.
      await next.query(['SET idle_session_timeout = 0', ...channels.map((channel) => `LISTEN ${channel}`)].join('; '))
    } catch (error) {
      end(error as Error) // pg rejects with errors only
      return
    }
    if (over) return
    if (closed) return void next.end().catch(() => undefined)
    client = next
    backoff.reset()
    onUp()
  }
  void connect()

  return {
    isUp: () => client !== null,
    async close() {
      closed = true
      clearTimeout(timer)
      await client?.end().catch(() => undefined)
    },
  }
}
