import { readdirSync, readFileSync } from 'node:fs'
import { packageRoot } from '../package-root.ts'

export const langflowVersions = ['1.7.3', '1.13.0'] as const
export type LangflowVersion = (typeof langflowVersions)[number]

export type StreamedEvent = { at: number; line: unknown }
/** One request to a real server and its answer, as the recorder wrote it. */
export type Recorded = {
  case: string
  request: { method: string; path: string; headers: Record<string, string>; body: unknown }
  response: {
    status: number
    headers: Record<string, string>
    body?: unknown
    text?: string
    events?: StreamedEvent[]
  }
}

export const readRecorded = (version: LangflowVersion): Recorded[] => {
  const folder = new URL(`fixtures/langflow-${version}/`, packageRoot)
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Recorded) // our own files, checked by the tests
}

/** A request without node:http: a recorded and a live one look the same. */
export type Asked = {
  method: string
  path: string
  query: URLSearchParams
  api_key: string | null
  bearer: boolean
  body: string
}

/** A recorded request as it would arrive at a server whose key is `key`. */
export const asAsked = ({ request }: Recorded, key: string): Asked => {
  const [path = '', query = ''] = request.path.replaceAll('<API_KEY>', encodeURIComponent(key)).split('?')
  const params = new URLSearchParams(query)
  const header = request.headers['x-api-key']?.replace('<API_KEY>', key)
  return {
    method: request.method,
    path,
    query: params,
    api_key: header ?? params.get('x-api-key'),
    bearer: 'authorization' in request.headers,
    body: bodyText(request.body),
  }
}

/** What was sent. The one recorded body that is text is malformed JSON, sent as it is. */
export const bodyText = (body: unknown): string =>
  body === null || body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
