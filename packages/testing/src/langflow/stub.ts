import { type Prepared, readJson, shownPath, type StubRequest } from '../server/http.ts'
import { type Manners, type ServerOptions, startStubServer } from '../server/stub-server.ts'
import { type Answer, loadAnswers } from './answers.ts'
import type { FlowName } from './flows.ts'
import { type MadeFlow, type MadeGraph, madeId, madeRow, runMade } from './made.ts'
import { isStreamed, type Values } from './recognise.ts'
import type { Asked, LangflowVersion } from './recorded.ts'

export type StubLangflowOptions = ServerOptions & {
  version?: LangflowVersion
  /** The one valid key. Null: none is needed, as recorded from 1.7.3 with auto login and its check skipped. */
  key?: string | null
  /** Serves the web page, too: 1.7.3 then answers 200 text/html for everything that it doesn't find. */
  frontend?: boolean
}

/** Flows beside the recorded ones, by name; they can be changed and deleted at any time. */
export type MadeFlows = {
  /** Its id. */
  make(name: string, graph: MadeGraph, endpoint_name?: string): string
  remove(name: string): void
}

const EMPTY: Values = { input: null, session_id: '', tweaks: [], ref: '', location: '' }

/** A Langflow server that answers only what real ones were recorded to answer. */
export const startStubLangflow = async ({
  version = '1.13.0',
  frontend = false,
  key = 'sk-stub',
  ...options
}: StubLangflowOptions = {}) => {
  if (key === null && version !== '1.7.3')
    throw new Error(`Langflow ${version} was not recorded without a key; use version 1.7.3`)
  const all = loadAnswers({ version, key, frontend }).flows.all
  const flows = Object.fromEntries(all.map(({ short_name, row }) => [short_name, row.id])) as Record<FlowName, string>
  const made = new Map<string, MadeFlow>()
  const manners = (good: string | null): Manners => makeManners({ version, key: good, frontend, made })
  const more: MadeFlows = {
    make(name, graph, endpoint_name) {
      const id = madeId(name)
      made.set(id, { id, name, endpoint_name: endpoint_name ?? null, graph })
      return id
    },
    remove: (name) => void made.delete(madeId(name)),
  }
  return Object.assign(await startStubServer({ name: `Langflow ${version}`, key, manners, flows }, options), {
    version,
    flows,
    made: more,
  })
}
export type StubLangflow = Awaited<ReturnType<typeof startStubLangflow>>

type Deps = { version: LangflowVersion; key: string | null; frontend: boolean; made: ReadonlyMap<string, MadeFlow> }

const makeManners = ({ version, key, frontend, made }: Deps): Manners => {
  const answers = loadAnswers({ version, key, frontend })
  const prepare = (answer: Answer, values: Values, host = ''): Prepared => {
    const { from, status, headers } = answer
    const located =
      headers.location === undefined
        ? headers
        : {
            ...headers,
            location: (headers.location.startsWith('/') ? '' : `http://${host}`) + (values.location || '/'),
          }
    return { from, status, headers: located, pieces: answer.body(values) }
  }
  return {
    html: prepare(answers.html, EMPTY),
    failed: ({ streamed }) => prepare(streamed ? answers.failed.streamed : answers.failed.plain, EMPTY),
    hear(request) {
      const asked = askedOf(request)
      const recognised = answers.recognise(asked)
      const described = describe(asked)
      const flow_id =
        described.flow_id === null ? null : (answers.flows.find(described.flow_id)?.row.id ?? described.flow_id)
      const answer = recognised && answers.find(recognised.key)
      const key_ok = key === null ? asked.api_key === null : asked.api_key === key
      return {
        call: { ...described, flow_id, key_ok },
        streamed: isStreamed(asked),
        asked_for: recognised?.key ?? 'nothing that was recorded',
        answer:
          (key_ok ? hearMade(asked, made, version, answers.flows.headers) : null) ??
          (answer && prepare(answer, recognised?.values ?? EMPTY, request.headers['host'])),
      }
    },
  }
}

/** Requests for the made flows, and for the list that holds them. */
const hearMade = (
  asked: Asked,
  made: ReadonlyMap<string, MadeFlow>,
  version: LangflowVersion,
  headers: unknown[],
): Prepared | null => {
  const { method, path, query, body } = asked
  const [, , , kind, ref] = path.split('/')
  const flow = [...made.values()].find(
    ({ id, endpoint_name }) => ref !== undefined && [id, endpoint_name].includes(decodeURIComponent(ref)),
  )
  const json = (value: unknown): Prepared => ({
    from: 'made',
    status: 200,
    headers: { 'content-type': 'application/json' },
    pieces: [JSON.stringify(value)],
  })
  if (method === 'POST' && kind === 'run' && flow) return runMade(flow, { body, streamed: isStreamed(asked) }, version)
  if (method !== 'GET' || kind !== 'flows' || made.size === 0) return null
  if (flow && flow.id === ref) return json(madeRow(flow, true))
  return ref === '' && query.get('header_flows') === 'true'
    ? json([...headers, ...[...made.values()].map((one) => madeRow(one, false))])
    : null
}

const askedOf = ({ method, path, query, headers, body }: StubRequest): Asked => ({
  method,
  path,
  query,
  body,
  api_key: headers['x-api-key'] ?? query.get('x-api-key'),
  bearer: headers['authorization'] !== undefined,
})

/** The fields of a request that the log has. */
const describe = ({ method, path, query, body }: Asked) => {
  const [, , , kind, id] = path.split('/')
  const run = method === 'POST' && kind === 'run'
  const sent = run ? readJson(body) : {}
  return {
    method,
    path: shownPath({ path, query }),
    run,
    flow_id: (kind === 'run' || kind === 'flows') && id ? decodeURIComponent(id) : null,
    session_id: typeof sent['session_id'] === 'string' ? sent['session_id'] : null,
    input_value: sent['input_value'] ?? null,
    tweaks: sent['tweaks'] ?? null,
  }
}
