import type { List, RequestOptions, Spark } from '@automagik-spark/sdk'
import { connect, type Connection, findConnection } from './connect.ts'
import type { LossOf } from './deleting.ts'
import { CliError, EXIT, usage } from './errors.ts'
import type { Io } from './io.ts'
import { type Column, makeOutput, makeProgress, type Output } from './output.ts'

export type JsonOption = { json?: true }
export type ListOptions = JsonOption & { limit: number; all?: true }

const PAGE_SIZE = 100

/** What every command works with. */
export const makeContext = (io: Io) => {
  const out: Output = makeOutput(io)
  let connection: Connection | null = null
  let client: Spark | null = null

  const spark = (): Spark => {
    connection ??= findConnection(io)
    client ??= connect(connection)
    return client
  }
  /** An address that only the folder names hears no secret of the environment that nobody has typed. */
  const mayHearSecrets = (name: string): void => {
    spark()
    if (connection?.whyNoSecrets)
      throw new CliError(
        `${name} of the environment ${connection.whyNoSecrets}: set SPARK_API_URL in the environment, too, or use --api-key-stdin.`,
        { exitCode: EXIT.notAllowed },
      )
  }
  /** The last argument of every call: Ctrl-C ends it. */
  const request = (): RequestOptions => ({ signal: io.interrupted() })

  /** Says on a terminal what is being waited for. */
  const working = async <T>(stage: string, promise: Promise<T>): Promise<T> => {
    const progress = makeProgress(io)
    if (io.stderr.isTTY) progress.update(stage)
    try {
      return await promise
    } finally {
      progress.clear()
    }
  }

  const collect = async <T>(list: List<T>, most: number): Promise<{ items: T[]; total: number }> => {
    const progress = makeProgress(io)
    const { total } = await list
    const items: T[] = []
    try {
      for await (const item of list) {
        items.push(item)
        if (items.length >= most) break
        if (items.length % PAGE_SIZE === 0 && io.stderr.isTTY) progress.update(`${items.length} of ${total}`)
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
    mayHearSecrets,
    request,
    working,
    connection: () => connection,

    /** Shows a list as a table, or as a JSON array. */
    async list<T>(
      start: (query: { limit: number }) => List<T>,
      columns: ReadonlyArray<Column<T>>,
      options: ListOptions,
      none: string,
    ): Promise<void> {
      const most = options.all ? Number.POSITIVE_INFINITY : options.limit
      const { items, total } = await collect(start({ limit: Math.min(most, PAGE_SIZE) }), most)
      if (options.json) return out.json(items)
      if (items.length === 0) return out.note(none)
      out.table(columns, items)
      if (items.length < total) out.note(`${items.length} of ${total}; --all shows the rest.`)
    },

    /** Shows one thing, or its JSON. */
    show(
      thing: object,
      { json }: JsonOption,
      { said, hidden = [] }: { said?: string; hidden?: readonly string[] } = {},
    ): void {
      if (json) return out.json(thing)
      if (said) out.note(said)
      out.details(thing, hidden)
    },

    /** Before something is gone: says what, and asks. Where nobody can be asked, `--yes` has to say it. */
    async confirm(yes: true | undefined, lossOf: LossOf, id: string): Promise<void> {
      if (yes) return
      const { goes, name } = await lossOf(spark(), id, request())
      if (!io.stdin.isTTY || !io.stderr.isTTY) throw usage(`This deletes ${goes}: add --yes.`)
      const answer = await io.ask(`This deletes ${goes}. Delete ${name}? [y/N] `)
      if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('Nothing was deleted.')
    },
  }
}
export type Context = ReturnType<typeof makeContext>
