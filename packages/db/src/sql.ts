import pg from 'pg'
import { searchPath } from './address.ts'

/** Something that runs a statement: a pool, or one connection inside a transaction. */
export type Sql = {
  /** `limitMs`: instead of the pool's own limit, after which the connection is given up, because PostgreSQL must be frozen. */
  query<Row>(
    text: string,
    values?: unknown[],
    options?: { limitMs?: number },
  ): Promise<{ rows: Row[]; rowCount: number }>
}

export type PoolOptions = {
  url: string
  /** Shown in pg_stat_activity. */
  name: string
  max: number
  /** Server settings of each connection, e.g. `{ enable_sort: 'off' }`. */
  settings?: Record<string, string>
  onError: (error: Error) => void
}

export type SqlPool = Sql & {
  /** Runs `work` on one connection between BEGIN and COMMIT. A deadlock (40P01) or serialization failure is tried again. */
  transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T>
  readonly pool: pg.Pool
  close(): Promise<void>
}

/** Queries fail early rather than hang: a statement ends after 5 s, a wait for a lock after 3 s, and a frozen process keeps its row locks for 5 s at most. */
export const LIMITS_MS = {
  statement_timeout: 5_000,
  lock_timeout: 3_000,
  idle_in_transaction_session_timeout: 5_000,
} as const
const SETTINGS = {
  ...Object.fromEntries(Object.entries(LIMITS_MS).map(([name, ms]) => [name, `${ms}ms`])),
  timezone: 'UTC',
  // PostgreSQL compiles statements that it thinks expensive: before 18, all that walk an index because of `BY_INDEX`. That takes seconds for a statement of milliseconds.
  jit: 'off',
  // Against other defaults of the server, the database or the role: we parse ISO dates, rely on the isolation, and keep idle connections.
  datestyle: 'ISO',
  default_transaction_isolation: 'read committed',
  idle_session_timeout: '0',
  // This version keeps JSON as text; writes of an older version, which does not set this, are refused (`spark_refuse_older`).
  'spark.json': 'text',
}
/** PostgreSQL ends a late statement by itself. If it does not say so within this time, it is frozen, or the network is. */
const ANSWER_MARGIN_MS = 2_000
const TRIES = 5
const isRetryable = (error: unknown) =>
  error instanceof pg.DatabaseError && (error.code === '40P01' || error.code === '40001')

/** The connection is of no more use: its server does not answer, or became a standby, and a new connection may reach the new primary. */
const isLost = (error: unknown): boolean =>
  error instanceof Error &&
  (error.message === 'Query read timeout' || (error instanceof pg.DatabaseError && error.code === '25006'))

/**
 * A name for the text of each statement with values, so that a connection parses and plans it once: planning is half of the cost of a short statement.
 * All texts come from the code, so this map stays small.
 */
const names = new Map<string, string>()
const nameOf = (text: string): string => {
  const name = names.get(text) ?? `spark_${names.size}`
  names.set(text, name)
  return name
}

/** A time as text, for a parameter that is an array of times. */
export const iso = (at: Date | null): string | null => (at ? at.toISOString() : null)

const bind = (client: { query: pg.Pool['query'] }): Sql => ({
  async query<Row>(text: string, values?: unknown[], { limitMs }: { limitMs?: number } = {}) {
    const config = {
      text,
      ...(values && { name: nameOf(text), values }),
      ...(limitMs !== undefined && { query_timeout: limitMs }),
    }
    // Nothing checks the row's type: it stands beside the statement, which the caller wrote.
    const result = (await client.query(config)) as unknown as { rows: Row[]; rowCount: number | null }
    return { rows: result.rows, rowCount: result.rowCount ?? 0 }
  },
})

export const makePool = ({ url, name, max, settings = {}, onError }: PoolOptions): SqlPool => {
  const all: Record<string, string> = { ...SETTINGS, ...settings }
  const set = Object.entries(all)
    .map(([key, value]) => `SET ${key} = '${value}'`)
    .join('; ')
  const first = `${searchPath(url)}${set}`
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: name,
    // Not as `options` of the start-up message: PgBouncer refuses or drops them, and the address may have its own.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- pg waits for it, its types do not say so
    onConnect: async (client) => void (await client.query(first)),
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    query_timeout: Number.parseInt(all['statement_timeout'] ?? '', 10) + ANSWER_MARGIN_MS, // in milliseconds, as above
    idleTimeoutMillis: 0,
  })
  let closing = false
  const report = (error: Error) => {
    if (!closing) onError(error)
  }
  // Without these two a restart of PostgreSQL ends the process: an idle connection emits its error on the pool, a busy one on itself.
  pool.on('error', report)
  pool.on('connect', (client) => client.on('error', report))

  const once = async <T>(work: (tx: Sql) => Promise<T>): Promise<T> => {
    const client = await pool.connect()
    let broken: Error | undefined
    try {
      await client.query('BEGIN')
      const value = await work(bind(client))
      await client.query('COMMIT')
      return value
    } catch (error) {
      if (isLost(error)) broken = error as Error
      else {
        await client.query('ROLLBACK').catch((failure: Error) => {
          broken = failure
        })
      }
      throw error
    } finally {
      client.release(broken)
    }
  }

  return {
    ...bind(pool),
    pool,
    async transaction(work) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await once(work)
        } catch (error) {
          if (attempt >= TRIES || !isRetryable(error)) throw error
        }
      }
    },
    close() {
      closing = true
      return pool.end()
    },
  }
}
