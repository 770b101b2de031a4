import pg from 'pg'

/**
 * What processes tell each other through PostgreSQL. All are hints: whoever misses one finds out by looking.
 * `spark_ready`: tasks can be claimed. `spark_due`: something is due within the next seconds (payload: that second).
 * `spark_done`: tasks that somebody may wait for ended (payload: their ids, comma-separated). `spark_cancel`: running tasks are to stop (payload: ids).
 */
export type Channel = 'spark_ready' | 'spark_due' | 'spark_done' | 'spark_cancel'

export type Listener = { isUp(): boolean; close(): Promise<void> }

type Options = {
  url: string
  name: string
  channels: Channel[]
  onMessage: (channel: Channel, payload: string) => void
  /** After each (re)connection: whatever was said meanwhile is lost, so look. */
  onUp: () => void
  onError: (error: Error) => void
}

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 2_000

/** One connection that listens, made again for as long as it takes. */
export const listen = ({ url, name, channels, onMessage, onUp, onError }: Options): Listener => {
  let client: pg.Client | null = null
  let closed = false
  let retryMs = FIRST_RETRY_MS
  let timer: ReturnType<typeof setTimeout> | undefined

  const again = () => {
    client = null
    if (closed) return
    timer = setTimeout(() => void connect(), retryMs)
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)
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
    next.on('notification', ({ channel, payload }) => onMessage(channel as Channel, payload ?? '')) // only what was asked for arrives
    try {
      await next.connect()
      // Whoever listens is idle.
      await next.query(['SET idle_session_timeout = 0', ...channels.map((channel) => `LISTEN ${channel}`)].join('; '))
    } catch (error) {
      end(error as Error) // pg rejects with errors only
      return
    }
    if (over) return
    if (closed) return void next.end().catch(() => undefined)
    client = next
    retryMs = FIRST_RETRY_MS
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
