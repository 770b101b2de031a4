import { MAX_PAGE_SIZE } from '@automagik-spark/core'
import type { List, RequestOptions, Spark } from '@automagik-spark/sdk'
import { connect, type Connection, findConnection } from './api-connection.ts'
import type { PreviewDelete } from './delete-preview.ts'
import { CliError, EXIT, usage } from './errors.ts'
import type { Io } from './io.ts'
import { makePrinter, type Printer } from './printer.ts'
import { makeProgress } from './progress.ts'
import type { Column } from './table.ts'

export type JsonOption = { json?: true }
export type ListOptions = JsonOption & { limit: number; all?: true }

/** What every command uses: the client, the printer, and the ways to list, show and confirm. */
export const makeCommandContext = (io: Io) => {
  const out: Printer = makePrinter(io)
  let connection: Connection | null = null
  let client: Spark | null = null

  const spark = (): Spark => {
    connection ??= findConnection(io)
    client ??= connect(connection)
    return client
  }
  /** Throws when the address comes from a file of this folder: anybody may have written it, so it gets no secret of the environment. */
  const requireTrustedAddress = (name: string): void => {
    spark()
    if (connection?.whyNoSecrets)
      throw new CliError(
        `${name} of the environment ${connection.whyNoSecrets}: set SPARK_API_URL in the environment, too, or use --api-key-stdin.`,
        { exitCode: EXIT.notAllowed },
      )
  }
  /** The last argument of every call, so that Ctrl-C aborts it. */
  const request = (): RequestOptions => ({ signal: io.interrupted() })

  /** Shows the stage on a terminal until the promise ends. */
  const working = async <T>(stage: string, promise: Promise<T>): Promise<T> => {
    const progress = makeProgress(io)
    if (io.stderr.isTTY) progress.update(stage)
    try {
      return await promise
    } finally {
      progress.clear()
    }
  }

  const collect = async <T>(list: List<T>, max: number): Promise<{ items: T[]; total: number }> => {
    const progress = makeProgress(io)
    const { total } = await list
    const items: T[] = []
    try {
      for await (const item of list) {
        items.push(item)
        if (items.length >= max) break
        if (items.length % MAX_PAGE_SIZE === 0 && io.stderr.isTTY) progress.update(`${items.length} of ${total}`)
      }
    } finally {
      progress.clear()
    }
    return { items, total }
  }

  return {
    io,
    out,
    spark,
    requireTrustedAddress,
    request,
    working,
    connection: () => connection,

    /** Prints a list as a table or a JSON array; `whenEmpty` is the note for an empty table. */
    async list<T>(
      start: (query: { limit: number }) => List<T>,
      columns: ReadonlyArray<Column<T>>,
      options: ListOptions,
      whenEmpty: string,
    ): Promise<void> {
      const max = options.all ? Number.POSITIVE_INFINITY : options.limit
      const { items, total } = await collect(start({ limit: Math.min(max, MAX_PAGE_SIZE) }), max)
      if (options.json) return out.json(items)
      if (items.length === 0) return out.note(whenEmpty)
      await out.table(columns, items)
      if (items.length < total) out.note(`${items.length} of ${total}; --all shows the rest.`)
    },

    /** Prints the fields of one object or its JSON; `said` is a note before the fields. */
    show(
      thing: object,
      { json }: JsonOption,
      { said, hidden = [] }: { said?: string; hidden?: readonly string[] } = {},
    ): void {
      if (json) return out.json(thing)
      if (said) out.note(said)
      out.details(thing, hidden)
    },

    /** Asks before a delete and says what goes with it. Fails without a terminal, unless `--yes` is given. */
    async confirm(yes: true | undefined, previewDelete: PreviewDelete, id: string): Promise<void> {
      if (yes) return
      const { counts, name } = await previewDelete(spark(), id, request())
      if (!io.stdin.isTTY || !io.stderr.isTTY) throw usage(`This deletes ${counts}: add --yes.`)
      const answer = await io.ask(`This deletes ${counts}. Delete ${name}? [y/N] `)
      if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('Nothing was deleted.')
    },
  }
}
export type CommandContext = ReturnType<typeof makeCommandContext>
