import { type Link, placeOf, startRelay } from '../tcp/relay.ts'
import type { Message } from './messages.ts'
import { boundName, makeReader, parsedText, queryText, startupParameters } from './messages.ts'
import { writesOf } from './writes.ts'

/** A commit that changes something: of a transaction, or of a statement on its own. */
export type Commit = {
  /** From 1, over all connections. */
  n: number
  /** The application_name of its connection. */
  by: string
  /** What it writes, in order, such as `insert occurrences`. */
  writes: string[]
}
/**
 * What happens to a commit. `before`: PostgreSQL never gets it. `after`: it is committed, and its answer is not passed on. In both cases
 * nothing passes on any connection from then on, until the process is dead. `lost`: it is committed, and its connection breaks before the
 * answer; all other connections go on.
 */
export type Fate = 'pass' | 'before' | 'after' | 'lost'

type Options = {
  /** The server, with its password. */
  url: string
  /** Decides about each commit, which waits for it. */
  fateOf?: (commit: Commit) => Fate | Promise<Fate>
  /** A commit had another fate than `pass`. */
  onStruck?: (commit: Commit, fate: Fate) => void
}

/** What a client sends at once: messages up to a Sync, or one simple query. */
type Request = { bytes: Buffer[]; statements: string[] }

/** A proxy to PostgreSQL that reads the protocol and numbers the commits. */
export const startCommitProxy = async ({ url, fateOf = () => 'pass', onStruck = () => undefined }: Options) => {
  const commits: Commit[] = []

  const serve = ({ inside, outside, cut }: Link) => {
    const [readClient, readServer] = [makeReader({ startsWithStartup: true }), makeReader({ startsWithStartup: false })]
    const prepared = new Map<string, string>()
    let by = ''
    let request: Request = { bytes: [], statements: [] }
    /** What the open transaction has written so far. */
    let written: string[] = []
    let isInTransaction = false
    let struck: { commit: Commit; fate: Fate } | null = null
    const held: Buffer[] = []

    /** The commit in a request; null when it has none. Clients do not send a request before the last one is answered. */
    const commitOf = (statements: string[]): Commit | null => {
      const writes = statements.flatMap(writesOf)
      const isEnd = statements.some((text) => /^\s*(commit|end)\b/i.test(text))
      if (isInTransaction) written.push(...writes)
      if (isInTransaction && !isEnd) return null
      const all = isInTransaction ? written : writes
      return all.length === 0 ? null : { n: commits.length + 1, by, writes: all }
    }

    const send = async ({ bytes, statements }: Request): Promise<void> => {
      const commit = commitOf(statements)
      if (commit) {
        commits.push(commit)
        const asked = fateOf(commit)
        const fate = typeof asked === 'string' ? asked : await asked
        if (relay.isFrozen()) return // another commit froze it meanwhile
        if (fate !== 'pass') struck = { commit, fate }
        if (fate === 'before') {
          relay.freeze()
          return onStruck(commit, fate)
        }
      }
      for (const piece of bytes) outside.write(piece)
    }

    const fromClient = ({ type, body, bytes }: Message) => {
      if (type === 'startup') by = startupParameters(body).get('application_name') ?? by
      if (type === 'P') {
        const { name, text } = parsedText(body)
        prepared.set(name, text)
      }
      request.bytes.push(bytes)
      if (type === 'B') request.statements.push(prepared.get(boundName(body)) ?? '')
      if (type === 'Q') request.statements.push(queryText(body))
      if (['P', 'B', 'D', 'E', 'C'].includes(type)) return // more of the same request follows
      const whole = request
      request = { bytes: [], statements: [] }
      void send(whole)
    }

    inside.on('data', (chunk: Buffer) => readClient(chunk).forEach(fromClient))
    let isRefused = false
    outside.on('data', (chunk: Buffer) => {
      held.push(chunk)
      for (const { type, body } of readServer(chunk)) {
        if (type === 'E') isRefused = true
        if (type !== 'Z') continue
        isInTransaction = body.toString('latin1') !== 'I'
        if (!isInTransaction) written = []
        if (struck && !isRefused) {
          if (struck.fate === 'lost') cut()
          else relay.freeze()
          return onStruck(struck.commit, struck.fate)
        }
        struck = null // PostgreSQL refused it: nothing was committed
        isRefused = false
      }
      if (struck) return // its answer is not passed on
      for (const piece of held.splice(0)) inside.write(piece)
    })
  }

  const relay = await startRelay(placeOf(url), { serve })
  return {
    url: relay.through(url),
    /** All commits so far, in order. */
    commits: commits as readonly Commit[],
    close: relay.shut,
  }
}
export type CommitProxy = Awaited<ReturnType<typeof startCommitProxy>>
