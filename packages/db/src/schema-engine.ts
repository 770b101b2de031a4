import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlDriverAdapter, SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum, DriverAdapterError } from '@prisma/driver-adapter-utils'
import type * as Wasm from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'
import { schemaOf, searchPath } from './address.ts'

export type SchemaEngine = {
  engine: Wasm.SchemaEngine
  /** PostgreSQL's own error of the last script that failed; the engine does not pass it on. */
  scriptError: () => Error | null
}
type Options = {
  url: string
  /** An empty database that `diff` may fill; applying migrations needs none. */
  shadowUrl?: string
  /** The text that runs for a script, in one implicit transaction; by default the script itself. */
  wrap?: (script: string) => string
}

const OID_CHAR = 18
const OID_TEXT = 25

/** Only what is called here: the TypeScript libraries of this repository have no types of WebAssembly. */
type WebAssemblyApi = {
  instantiate: (bytes: Uint8Array, imports: object) => Promise<{ instance: { exports: Record<string, unknown> } }>
}

let loaded: Promise<typeof Wasm> | null = null

/** Loaded on first use: these five megabytes are not needed by a start with nothing to migrate. */
const load = async (): Promise<typeof Wasm> => {
  const wasm = await import('@prisma/schema-engine-wasm/schema_engine_bg')
  const path = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const { instantiate } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly // part of every Node
  // The package's own entry imports the .wasm file as a module, which Node 20 cannot.
  const { instance } = await instantiate(await readFile(join(dirname(path), 'schema_engine_bg.wasm')), {
    './schema_engine_bg.js': wasm,
  })
  wasm.__wbg_set_wasm(instance.exports)
  // The engine reports a panic here; without it a TypeError would hide the message.
  const shared = globalThis as { PRISMA_WASM_PANIC_REGISTRY?: { set_message: (message: string) => void } } // Prisma's name for it
  shared.PRISMA_WASM_PANIC_REGISTRY ??= {
    set_message(message) {
      throw new Error(message)
    },
  }
  const start = instance.exports['__wbindgen_start'] as () => void // wasm-bindgen's initialiser
  start()
  return wasm
}

/**
 * Presents the catalog's one-byte type "char" to the adapter as text, since the adapter does not know it, and remembers these columns: the
 * engine reads them as characters when it compares schemas.
 */
const markCharacters = (pool: pg.Pool): WeakMap<object, number[]> => {
  const columns = new WeakMap<object, number[]>()
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<pg.QueryResult> // the adapter uses its promise form only
  const marking = async (...args: unknown[]): Promise<pg.QueryResult> => {
    const result = await query(...args)
    const found = (result.fields ?? []).flatMap((field, column) => (field.dataTypeID === OID_CHAR ? [column] : []))
    for (const column of found) Object.assign(result.fields[column] ?? {}, { dataTypeID: OID_TEXT })
    if (found.length > 0) columns.set(result.rows, found)
    return result
  }
  pool.query = marking as typeof pool.query
  return columns
}

/** Runs `work` with Prisma's schema engine on one connection to `url`. */
export const withSchemaEngine = async <T>(
  { url, shadowUrl, wrap = (script) => script }: Options,
  work: (engine: SchemaEngine) => Promise<T>,
): Promise<T> => {
  const wasm = await (loaded ??= load())
  let failure: Error | null = null
  const opened = new Set<pg.Pool>()

  const open = async (connectionString: string): Promise<SqlDriverAdapter> => {
    // One connection: the engine's advisory lock belongs to a session.
    const first = searchPath(connectionString)
    const schema = schemaOf(connectionString)
    const pool = new pg.Pool({
      connectionString,
      max: 1,
      application_name: 'spark-migrate',
      // eslint-disable-next-line @typescript-eslint/no-misused-promises -- pg waits for it, its types do not say so
      ...(first !== '' && { onConnect: async (client: pg.ClientBase) => void (await client.query(first)) }),
    })
    opened.add(pool)
    pool.on('error', () => {}) // the next statement on the connection throws it, too
    const characters = markCharacters(pool)
    const adapter = await new PrismaPg(pool, {
      disposeExternalPool: true,
      ...(schema !== null && { schema }),
    }).connect()
    const queryRaw = adapter.queryRaw.bind(adapter)
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query)
      for (const column of characters.get(result.rows) ?? []) result.columnTypes[column] = ColumnTypeEnum.Character
      return result
    }
    // The adapter would split a script at every semicolon, also inside the body of a function, and run it without a transaction.
    adapter.executeScript = async (script) => {
      try {
        await pool.query(wrap(script))
      } catch (error) {
        failure = error as Error // pg throws nothing else
        const { code = 'N/A', severity = 'ERROR', message } = error as pg.DatabaseError
        throw new DriverAdapterError({
          kind: 'postgres',
          code,
          severity,
          message,
          detail: undefined,
          column: undefined,
          hint: undefined,
        })
      }
    }
    return adapter
  }
  const factory: SqlMigrationAwareDriverAdapterFactory = {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect: () => open(url),
    connectToShadowDb() {
      if (!shadowUrl) throw new Error('no shadow database was given')
      return open(shadowUrl)
    },
  }

  const engine = await wasm.SchemaEngine.new(
    { datamodels: undefined },
    () => {},
    bindMigrationAwareSqlAdapterFactory(factory),
  )
  try {
    return await work({ engine, scriptError: () => failure })
  } finally {
    engine.free()
    // The engine does not close its connections.
    await Promise.all([...opened].map(async (pool) => pool.ended || pool.end().catch(() => {})))
  }
}
