import { type Prepared, shownPath, type StubRequest } from '../server/http.ts'
import type { Manners } from '../server/stub-server.ts'
import { readFixtures, type RecordedMessage, recordedPieces, refilled } from './recorded.ts'

/** What a request wants. Requests with the same `key` have the same answer. */
export type AskedMessage = {
  key: string
  run: boolean
  /** Of a run: its flow, its input and its session. */
  id?: string
  message?: string | null
  session?: string | null
  streamed?: boolean
}

export type Recogniser = {
  /** What a request wants, recorded or live. Null: nothing like it was recorded. */
  recognise(request: StubRequest, key: string | null): AskedMessage | null
  key_ok(request: StubRequest, key: string | null): boolean
  /** The keys of recordings that answer a usual request in an unusual state of the server. */
  states: Record<string, string>
  /** The recorded failure of a run, by its key. */
  failed: { plain: string; streamed: string }
  /** The key of another answer, because of what the server remembers. */
  instead?(asked: AskedMessage): string | null
  late?(asked: AskedMessage): string | null
  /** Values for an answer about another message than that of its request. */
  fill?(asked: AskedMessage): { message: string; session: string } | null
}

const RECORDED_KEY = '<KEY>'

const asRequest = ({ request }: RecordedMessage): StubRequest => {
  const [path = '', query = ''] = request.path.split('?')
  const body = request.form
    ? new URLSearchParams(request.form).toString()
    : request.json !== undefined
      ? JSON.stringify(request.json)
      : (request.body ?? '')
  const type = request.form ? 'application/x-www-form-urlencoded' : 'application/json'
  return {
    method: request.method,
    path,
    query: new URLSearchParams(query),
    body,
    headers: { ...(body !== '' && { 'content-type': type }), ...request.headers },
  }
}

type Deps = { folders: string[]; key: string | null; recogniser: Recogniser; html: Prepared }

/** Loads recordings; `unused` are those that no request can reach. */
export const loadMessages = ({ folders, key, recogniser, html }: Deps): { manners: Manners; unused: string[] } => {
  const answers = new Map<string, { one: RecordedMessage; asked: AskedMessage }>()
  const unused: string[] = []
  // Each folder is one server; the first one takes precedence.
  for (const folder of folders) {
    const keyless = folder.endsWith('-auth-off')
    // Of recordings with the same key the one with the shortest name is the usual one.
    for (const one of readFixtures(folder).sort((a, b) => a.case.length - b.case.length)) {
      const asked = recogniser.recognise(asRequest(one), keyless ? null : RECORDED_KEY)
      const state = recogniser.states[one.case] ?? asked?.key
      if (!asked || state === undefined) unused.push(`${folder}/${one.case}`)
      else if (!answers.has(state)) answers.set(state, { one, asked })
    }
  }
  const prepare = (name: string, asked: AskedMessage, host: string): Prepared | null => {
    const found = answers.get(name)
    if (!found) return null
    const to = recogniser.fill?.(asked) ?? { message: asked.message ?? '', session: asked.session ?? null }
    const one = refilled(found.one, { message: found.asked.message ?? null, session: found.asked.session ?? null }, to)
    const headers = { ...one.response.headers }
    if (headers['location']) headers['location'] = headers['location'].replace(/^http:\/\/[^/]+/, `http://${host}`)
    return { from: one.case, status: one.response.status, headers, pieces: recordedPieces(one) }
  }
  const must = (name: string): Prepared => {
    const found = prepare(name, { key: name, run: true }, '')
    if (!found) throw new Error(`nothing recorded for: ${name}`)
    return found
  }

  const manners: Manners = {
    html,
    failed: ({ streamed }) => must(streamed ? recogniser.failed.streamed : recogniser.failed.plain),
    hear(request) {
      const asked = recogniser.recognise(request, key)
      const host = request.headers['host'] ?? ''
      return {
        call: {
          method: request.method,
          path: shownPath(request),
          run: asked?.run ?? false,
          flow_id: asked?.id ?? null,
          session_id: asked?.session ?? null,
          input_value: asked?.message ?? null,
          tweaks: null,
          key_ok: recogniser.key_ok(request, key),
        },
        streamed: asked?.streamed ?? false,
        asked_for: asked?.key ?? 'nothing that was recorded',
        answer: asked && prepare(recogniser.instead?.(asked) ?? asked.key, asked, host),
        late: () => {
          const name = asked && recogniser.late?.(asked)
          return name ? prepare(name, asked, host) : null
        },
      }
    },
  }
  return { manners, unused }
}
