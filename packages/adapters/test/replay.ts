import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { type FlowType, jsonText, SourceError, type SourceType } from '@automagik-spark/core'
import { patient, readFixtures, type RecordedMessage, recordedPieces } from '@automagik-spark/testing'
import { type HttpPool, type JsonValue, type LostCall, makeSource, type RunCall, type Source } from '../src/index.ts'

/** Langflow's recordings have `body` and `lines` where the others have `json` and `data`. */
type Recording = Omit<RecordedMessage, 'response'> & {
  response: Omit<RecordedMessage['response'], 'events'> & {
    body?: unknown
    events?: { line?: unknown; event?: string; data?: unknown }[]
  }
}

const piecesOf = (recording: Recording): string[] => {
  const { body, events } = recording.response
  if (events?.[0]?.line !== undefined) return events.map(({ line }) => `${JSON.stringify(line)}\n\n`)
  return body === undefined || body === null ? recordedPieces(recording as RecordedMessage) : [JSON.stringify(body)] // one of the two kinds
}
const pathOf = ({ request }: Recording): string => request.path.split('?')[0] ?? ''

/** What else is requested, by case. */
const USUAL: Record<SourceType, string[]> = {
  langflow: ['version', 'health', 'whoami', 'flows_list_header_flows', 'projects'],
  'automagik-hive': [
    'health-api-v1',
    'root',
    'health',
    'agents-without-playground',
    'agents',
    'teams',
    'workflows',
    'workflow-get',
    'playground-status',
  ],
  'automagik-agents': ['root', 'health', 'agents', 'agent-list-old-path'],
}

/** A server that gives one recorded answer to its own request, and the usual answers to all others. */
export const serveRecording = async (folder: string, source_type: SourceType) => {
  const recordings = readFixtures(folder) as Recording[]
  // Of the server without a key only some answers were recorded: the others are those of the server with a key.
  const others = folder.endsWith('-auth-off')
    ? (readFixtures(folder.replace('-auth-off', '')) as Recording[])
    : recordings
  const usual = new Map(
    USUAL[source_type].flatMap((name) => others.filter((one) => one.case === name)).map((one) => [pathOf(one), one]),
  )
  let current: Recording | undefined
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url?.split('?')[0] ?? ''
    const asked =
      current && path === pathOf(current) && request.method === current.request.method ? current : usual.get(path)
    if (!asked)
      return void response.writeHead(404, { 'content-type': 'application/json' }).end('{"detail":"Not Found"}')
    const {
      'content-encoding': encoding,
      'content-length': _,
      'transfer-encoding': __,
      location,
      ...headers
    } = asked.response.headers
    response.writeHead(asked.response.status, {
      ...headers,
      ...(encoding && { 'content-encoding': encoding }),
      ...(location && { location: location.replace(/^http:\/\/[^/]+/, '') }),
    })
    const text = piecesOf(asked).join('')
    response.end(encoding === 'gzip' ? gzipSync(text) : text)
  }
  const server = createServer((request, response) => void request.resume().on('end', () => answer(request, response)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    recordings,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // listening on TCP
    play: (recording: Recording): void => {
      current = recording
    },
    close: async (): Promise<void> => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The outcome of the recorded request when a source makes it, in one line. Null: Spark never makes it. */
export const outcomeOf = async (source: Source, recording: Recording, url: string): Promise<string | null> => {
  const asked = askedOf(source, recording)
  if (!asked) return null
  try {
    return await asked()
  } catch (error) {
    if (error instanceof SourceError) return `${error.error_code}: ${error.message.replaceAll(url, 'URL')}`
    throw error
  }
}

const flows = (list: { name: string }[]): string => `flows: ${list.map(({ name }) => name).join(', ')}`
const found = (flow: { flow_type: FlowType; name: string; description: string } | null): string =>
  flow ? `${flow.flow_type}: ${flow.name}, ${flow.description}`.slice(0, 80) : 'none'

const askedOf = (source: Source, recording: Recording): (() => Promise<string>) | null => {
  const { method } = recording.request
  const path = pathOf(recording)
  if (method === 'POST') return runOf(source, recording, path)
  if (method !== 'GET') return null
  const probe = async () => `version: ${(await source.probe()).version}`
  const get = (flow_type: FlowType, id: string) => async () => found(await source.getFlow({ flow_type, id }))
  const list = async () => flows(await source.listFlows())
  if (source.source_type === 'langflow') {
    if (['/health', '/api/v1/version', '/api/v1/users/whoami'].includes(path)) return probe
    if (path === '/api/v1/flows/' || path === '/api/v1/projects/') return list
    const id = /^\/api\/v1\/flows\/([^/]+)$/.exec(path)?.[1]
    return id === undefined ? null : get('flow', id)
  }
  const [, kind, id] = /^(?:\/playground)?\/(agent|team|workflow)s\/([^/]+)$/.exec(path) ?? []
  if (kind && id) return get(kind as FlowType, id)
  const agent = /^\/api\/v1\/agent\/([^/]+)$/.exec(path)?.[1]
  if (agent) return get('agent', agent)
  if (path.startsWith('/sessions/')) return recoverOf(source, recording)
  if (path === '/' || path.endsWith('/health') || /-(key|bearer)$/.test(recording.case)) return probe
  return /\/(agents|teams|workflows)$/.test(path) ? list : null
}

const callOf = (flow_type: FlowType, id: string, recording: Recording, data: JsonValue): RunCall => {
  const { form, json } = recording.request
  const message = form?.['message'] ?? (json as { message_content?: string } | undefined)?.message_content
  return {
    flow_id: id,
    flow_type,
    input_value: jsonText(message ?? 'hello'),
    session_id: 'task-1',
    tweaks: null,
    input_component: null,
    output_component: null,
    data,
    streams_only: recording.response.headers['content-type']?.startsWith('text/event-stream') ?? false,
    timeoutMs: patient(10_000),
    signal: new AbortController().signal,
  }
}

const runOf = (source: Source, recording: Recording, path: string): (() => Promise<string>) | null => {
  const langflow = /^\/api\/v1\/run\/([^/]+)$/.exec(path)?.[1]
  const agent = /^\/api\/v1\/agent\/([^/]+)\/run$/.exec(path)?.[1]
  const [, base, kind, id] = /^(\/playground)?\/(agent|team|workflow)s\/([^/]+)\/runs$/.exec(path) ?? []
  const [flow_type, flow_id] = langflow ? ['flow', langflow] : agent ? ['agent', agent] : [kind, id]
  if (flow_type === undefined || flow_id === undefined) return null
  const data = base ? { [`${flow_type}_id`]: flow_id } : flow_type === 'flow' ? null : { id: flow_id }
  return async () =>
    `text: ${(await source.run(callOf(flow_type as FlowType, decodeURIComponent(flow_id), recording, data))).result}`
}

const recoverOf = (source: Source, recording: Recording) => async (): Promise<string> => {
  const lost: LostCall = {
    ...callOf('agent', 'echo-agent', recording, { id: 'echo-agent', db_id: 'agent-echo-agent' }),
    session_id: /^\/sessions\/([^/]+)/.exec(recording.request.path)?.[1] ?? '',
    own_session: true,
    tries: 1,
  }
  const state = await source.recover?.(lost)
  return state?.state === 'completed' ? `completed: ${state.result}` : String(state?.state)
}

export const sourceFor = (source_type: SourceType, url: string, pool: HttpPool): Source =>
  makeSource({ source_type, url, api_key: 'sk-any', pool })
