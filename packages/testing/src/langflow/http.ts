import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Asked } from './recorded.ts'

export const askedOf = (request: IncomingMessage, body: string): Asked => {
  const target = request.url ?? '/'
  const mark = target.indexOf('?')
  const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1))
  const header = request.headers['x-api-key']
  return {
    method: request.method ?? 'GET',
    path: mark < 0 ? target : target.slice(0, mark),
    query,
    api_key: typeof header === 'string' ? header : query.get('x-api-key'),
    bearer: request.headers.authorization !== undefined,
    body,
  }
}

/** What the log keeps of a request. */
export const describe = ({ method, path, query, body }: Asked) => {
  const [, , , kind, id] = path.split('/')
  const run = method === 'POST' && kind === 'run'
  const sent = run ? readJson(body) : {}
  const shown = new URLSearchParams(query)
  shown.delete('x-api-key') // no key in a log
  return {
    method,
    path: shown.size > 0 ? `${path}?${shown}` : path,
    run,
    flow_id: (kind === 'run' || kind === 'flows') && id ? decodeURIComponent(id) : null,
    session_id: typeof sent.session_id === 'string' ? sent.session_id : null,
    input_value: sent.input_value ?? null,
    tweaks: sent.tweaks ?? null,
  }
}

const readJson = (text: string): Record<string, unknown> => {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null) return {}
    return parsed as Record<string, unknown> // an array has none of the fields
  } catch {
    return {}
  }
}

export const readText = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer) // no encoding is set
  return Buffer.concat(chunks).toString('utf8')
}

export type Pieces = (string | Buffer)[]

/** Sends what is left of an answer: a stream may have begun already. */
export const send = (response: ServerResponse, status: number, headers: Record<string, string>, pieces: Pieces): void => {
  if (!response.headersSent) {
    const streamed = headers['content-type']?.startsWith('text/event-stream')
    const length = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0)
    response.writeHead(status, streamed ? headers : { ...headers, 'content-length': String(length) })
  }
  for (const piece of pieces) response.write(piece)
  response.end()
}
