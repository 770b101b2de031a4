import { readJson, type StubRequest } from '../server/http.ts'
import type { AskedMessage, Recogniser } from './manners.ts'
import { readFixtures } from './recorded.ts'

export const agentsVersions = ['0.6.19'] as const
export type AgentsVersion = (typeof agentsVersions)[number]

const keyOf = ({ headers }: StubRequest): string | undefined =>
  headers['x-api-key'] ?? headers['authorization']?.replace(/^Bearer /, '')
const ORIGINS = new Set([
  'web',
  'whatsapp',
  'automagik-agent',
  'telegram',
  'discord',
  'slack',
  'cli',
  'app',
  'manychat',
  'automagik-spark',
])

export const makeAgentsRecogniser = (version: AgentsVersion): Recogniser => {
  const list = readFixtures(`agents-${version}`).find((one) => one.case === 'agents')?.response.json as {
    name: string
  }[] // as the recordings have it
  const names = new Set(list.map(({ name }) => name))
  /** The newest run of each session; it kills the earlier ones. */
  const newest = new Map<string, AskedMessage>()

  const recogniseRun = (request: StubRequest, id: string): AskedMessage => {
    const body = readJson(request.body)
    const message = typeof body['message_content'] === 'string' ? body['message_content'] : null
    const session = typeof body['session_name'] === 'string' ? body['session_name'] : null
    const asked = (what: string): AskedMessage => ({ key: `run of ${what}`, run: true, id, message, session })
    if (!(request.headers['content-type'] ?? '').includes('json')) return asked('a form')
    if (!/^\s*[{[]/.test(request.body)) return asked('what is no JSON')
    if (message === null) return asked('nothing')
    if (body['session_origin'] !== undefined && !ORIGINS.has(String(body['session_origin'])))
      return asked('an unknown origin')
    return asked(
      `${id === '6' ? 'the number of simple' : id} with ${message.includes('[[fail]]') ? 'a message on which the model fails' : 'a message'}`,
    )
  }

  return {
    key_ok: (request, key) => key === null || keyOf(request) === key,
    states: { 'concurrent-first': 'run that another one of its session killed' },
    failed: {
      plain: 'run of simple with a message on which the model fails',
      streamed: 'run of simple with a message on which the model fails',
    },
    recognise(request, key) {
      const { method, path } = request
      const plain = (name: string): AskedMessage => ({ key: name, run: false })
      if (method === 'GET' && (path === '/' || path === '/health')) return plain(path)
      const [, id, run] = /^\/api\/v1\/agent\/([^/]+)(\/run)?$/.exec(path) ?? []
      const given = keyOf(request)
      const refused =
        key === null || given === key
          ? null
          : { key: `key ${given === undefined ? 'missing' : 'wrong'}`, run: run !== undefined }
      // The key is checked before the path.
      if (refused) return refused
      if (path === '/api/v1/agents') return plain(method === 'GET' ? 'agents' : 'agents by POST')
      if (id === undefined) return plain('unknown path')
      if (run === undefined)
        return method === 'GET'
          ? { ...plain(`agent ${decodeURIComponent(id)}`), id: decodeURIComponent(id), message: decodeURIComponent(id) }
          : null
      return method === 'POST' ? recogniseRun(request, decodeURIComponent(id)) : null
    },
    instead(asked) {
      if (asked.run && asked.session) newest.set(asked.session, asked)
      // Only one of the listed agents was recorded: the others are answered like it.
      return !asked.run && asked.id !== undefined && names.has(asked.id) ? 'agent simple' : null
    },
    late(asked) {
      if (!asked.run || !asked.session) return null
      const overtaken = newest.get(asked.session) !== asked
      if (!overtaken) newest.delete(asked.session)
      return overtaken ? 'run that another one of its session killed' : null
    },
  }
}
