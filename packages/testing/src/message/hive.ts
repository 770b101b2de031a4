import { readJson, type StubRequest } from '../server/http.ts'
import type { AskedMessage, Recogniser } from './manners.ts'
import { readFixtures } from './recorded.ts'

export const hiveVersions = ['0.1.1b2', '0.2.0', '1.0.0rc6'] as const
export type HiveVersion = (typeof hiveVersions)[number]

const KINDS: Record<string, string> = { agents: 'agent', teams: 'team', workflows: 'workflow' }

/** A message is any text except those that made the recorded model fail. */
const classOf = (message: string): string =>
  message === ''
    ? 'an empty message'
    : message.includes('[[fail]]')
      ? 'a message on which the model fails'
      : message.includes('[[auth]]')
        ? 'a message on which the model wants a key'
        : 'a message'

type Body = { fields: Record<string, unknown>; kind: 'form' | 'multipart' | 'json' | 'none' }
const readBody = ({ headers, body }: StubRequest): Body => {
  const type = headers['content-type'] ?? ''
  if (body === '') return { fields: {}, kind: 'none' }
  if (type.startsWith('multipart/')) return { fields: {}, kind: 'multipart' }
  if (type.startsWith('application/x-www-form-urlencoded'))
    return { fields: Object.fromEntries(new URLSearchParams(body)), kind: 'form' }
  return { fields: readJson(body), kind: 'json' }
}
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/** What a server lists, as "agent echo-agent". */
const listedIds = (version: HiveVersion): Set<string> =>
  new Set(
    readFixtures(`hive-${version}`).flatMap(({ case: name, response }) => {
      const kind = KINDS[name]
      return kind && Array.isArray(response.json)
        ? response.json.map((one: Record<string, unknown>) => `${kind} ${String(one['id'] ?? one[`${kind}_id`])}`)
        : []
    }),
  )

export const makeHiveRecogniser = (version: HiveVersion): Recogniser => {
  const playground = version === '0.1.1b2'
  const base = playground ? '/playground' : ''
  const ids = listedIds(version)
  /** Like the id that no server has. */
  const known = (kind: string, id: string): string => (ids.has(`${kind} ${id}`) ? id : 'nope')
  /** agno 2.0 to 2.2: workflows that were streamed once; their plain runs fail from then on. */
  const streamed = new Set<string>()
  /** The messages of a session, as agents store them. */
  const sessions = new Map([['task-1', 'hello']])

  const keyState = ({ headers }: StubRequest, key: string | null): 'good' | 'missing' | 'wrong' => {
    if (key === null) return 'good'
    // Each version checks its own header alone.
    const sent = playground ? headers['x-api-key'] : headers['authorization']
    if (sent === undefined) return 'missing'
    return sent === (playground ? key : `Bearer ${key}`) ? 'good' : 'wrong'
  }

  const recogniseRun = (request: StubRequest, kind: string, id: string): AskedMessage => {
    const { fields, kind: body } = readBody(request)
    const input = body === 'json' && playground ? readJson(JSON.stringify(fields['input'] ?? {})) : fields
    const message = textOf(input['message'])
    const session = textOf(fields['session_id'])
    const flag = fields['stream'] === undefined ? null : String(fields['stream']).toLowerCase()
    const asked = (what: string, more: Partial<AskedMessage> = {}): AskedMessage => ({
      key: `run of ${what}`,
      run: true,
      id,
      message,
      session,
      streamed: flag === 'true',
      ...more,
    })
    if (body === 'multipart') return asked(`${kind} with a part that is too long`)
    if (playground && kind === 'workflow' ? body !== 'json' : body === 'json')
      return asked(`${kind} with a body of the wrong type`)
    if (message === null) return asked(`${kind} without a message`)
    if (flag !== null && flag !== 'true' && flag !== 'false') return asked(`${kind} with a bad stream`)
    if (id === 'nope') return asked(`${kind} that does not exist`)
    if (fields['input'] !== undefined && body === 'form') return asked(`${kind} with a reserved field`)
    const how = flag === null ? 'as it likes' : flag === 'true' ? 'streamed' : 'plain'
    return asked(`${kind} ${id} with ${classOf(message)}, ${how}`)
  }

  const recognise = (request: StubRequest, key: string | null): AskedMessage | null => {
    const { method, path, query } = request
    const plain = (name: string, more: Partial<AskedMessage> = {}): AskedMessage => ({ key: name, run: false, ...more })
    if (method === 'GET' && ['/', '/health', '/api/v1/health'].includes(path)) {
      // The root of 0.1 was not recorded.
      return playground && path === '/' ? null : plain(path)
    }
    const [, first = '', id, runs, run, cancel, ...rest] = path
      .slice(path.startsWith(base) ? base.length : 0)
      .split('/')
    const kind = KINDS[first]
    const own = path.startsWith(`${base}/`) && (kind !== undefined || ['config', 'sessions', 'status'].includes(first))
    // An unknown path is answered as in the recordings: before the key is checked, for every method.
    if (!own) return plain('unknown path', { run: method === 'POST' && /\/runs$/.test(path) })
    const state = keyState(request, key)
    // One check for everything that needs the key; 0.1 says the same of a missing and a wrong one.
    if (state !== 'good')
      return plain(`key ${playground ? 'refused' : state}`, { run: method === 'POST' && runs === 'runs' })
    if (first === 'sessions') return recogniseSession(id ?? '', query)
    if (kind === undefined) return plain(path)
    if (id === undefined) return method === 'GET' ? plain(`list of ${first}`) : null
    if (id === '') return plain(`list of ${first} with a slash`)
    if (runs === undefined) return method === 'GET' ? plain(`${kind} ${known(kind, decodeURIComponent(id))}`) : null
    if (runs !== 'runs' || rest.length > 0) return null
    if (run === undefined)
      return method === 'POST'
        ? recogniseRun(request, kind, known(kind, decodeURIComponent(id)))
        : method === 'GET'
          ? plain('runs by GET')
          : null
    return cancel === 'cancel' && method === 'POST' ? plain('cancel of an unknown run') : null
  }

  const recogniseSession = (id: string, query: URLSearchParams): AskedMessage | null => {
    if (query.get('type') !== 'agent') return null
    const isKnown = sessions.has(id)
    const asked = { run: false, session: id, message: isKnown ? 'hello' : null }
    // 0.2.0 has a database for each agent and must be told which one; 1.0 has one for all.
    if (version === '0.2.0' && !query.has('db_id')) return { key: 'session without a database', ...asked }
    return { key: isKnown ? 'session that is known' : 'session that is unknown', ...asked }
  }

  const isWorkflow = (key: string): boolean => key.startsWith('run of workflow echo-workflow')
  return {
    recognise,
    key_ok: (request, key) => keyState(request, key) === 'good',
    states: { 'workflow-run-after-stream': 'run of a workflow after it was streamed' },
    failed: {
      plain: 'run of agent echo-agent with a message on which the model fails, plain',
      streamed: 'run of agent echo-agent with a message on which the model fails, streamed',
    },
    instead(asked) {
      if (playground || !asked.run || asked.id === undefined) return null
      if (isWorkflow(asked.key)) {
        if (asked.streamed) streamed.add(asked.id)
        else if (streamed.has(asked.id)) return 'run of a workflow after it was streamed'
      }
      return null
    },
    late(asked) {
      // The run is over and stored, also when its client has left.
      if (asked.key === 'run of agent echo-agent with a message, plain' && asked.session)
        sessions.set(asked.session, asked.message ?? '')
      return null
    },
    fill: ({ key, session }) =>
      key === 'session that is known' && session ? { message: sessions.get(session) ?? 'hello', session } : null,
  }
}
