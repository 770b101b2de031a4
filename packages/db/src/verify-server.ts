import pg from 'pg'
import { schemaOf } from './address.ts'
import { DatabaseError } from './database-error.ts'

/** `server_version_num` of PostgreSQL 14. */
const OLDEST = 140_000

type Facts = {
  version: number
  shown: string
  schema: string | null
  path: string
  read_only: boolean
  encoding: string
}

/**
 * Whether the address leads through a transaction pooler, which shares connections: one of our connections then sees a setting of the other. There LISTEN
 * hears nothing, settings get lost, and locks belong to others.
 */
const isShared = async (client: pg.Client, url: string): Promise<boolean> => {
  const mark = `spark-${Math.random().toString(36).slice(2)}`
  const other = new pg.Client({
    connectionString: url,
    application_name: 'spark-migrate',
    connectionTimeoutMillis: 10_000,
  })
  other.on('error', () => {}) // the query that it belongs to throws it, too
  await client.query(`SET spark.session = '${mark}'`)
  try {
    await other.connect()
    const { rows } = await other.query<{ seen: string | null }>(`SELECT current_setting('spark.session', true) AS seen`)
    const mine = await client.query<{ seen: string | null }>(`SELECT current_setting('spark.session', true) AS seen`)
    return rows[0]?.seen === mark || mine.rows[0]?.seen !== mark
  } finally {
    await other.end().catch(() => {})
    await client.query('RESET spark.session').catch(() => {})
  }
}

/** Throws, with a sentence that says what to do, if Spark cannot use this server or address. */
export const verifyServer = async (client: pg.Client, url: string, log: (message: string) => void): Promise<void> => {
  const { rows } = await client.query<Facts>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS shown, current_schema() AS schema,
       current_setting('search_path') AS path, current_setting('transaction_read_only') = 'on' AS read_only, current_setting('server_encoding') AS encoding`,
  )
  const { version, shown, schema, path: there, read_only, encoding } = rows[0]!
  if (version < OLDEST) throw new DatabaseError(`PostgreSQL ${shown} is too old: Spark needs 14 or later.`)
  const wanted = schemaOf(url)
  if (wanted !== null && schema !== wanted)
    throw new DatabaseError(
      `The schema ${wanted} that DATABASE_URL names does not exist: CREATE SCHEMA "${wanted}", as its owner.`,
    )
  if (schema === null)
    throw new DatabaseError(
      `No schema of this role's search_path (${there}) exists: CREATE SCHEMA makes one, or DATABASE_URL can name another with ?schema=.`,
    )
  if (wanted === null && schema !== 'public')
    throw new DatabaseError(
      `The search_path of this role or database leads to the schema ${schema}: say so in DATABASE_URL with ?schema=${schema}.`,
    )
  if (read_only)
    throw new DatabaseError(
      'This PostgreSQL only reads: it is a standby, or default_transaction_read_only is on. DATABASE_URL must lead to the primary.',
    )
  if (encoding !== 'UTF8')
    log(
      `The encoding of the database is ${encoding}: some texts of flows cannot be stored in it. Make one with ENCODING 'UTF8' TEMPLATE template0`,
    )
  if (await isShared(client, url)) {
    throw new DatabaseError(
      'DATABASE_URL leads through a transaction pooler, and Spark needs sessions (LISTEN, settings, locks): write the address of PostgreSQL itself, or of a pooler with pool_mode = session.',
    )
  }
}
