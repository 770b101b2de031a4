import type { IncomingMessage, ServerResponse } from 'node:http'

/** A request without node:http. Header names are in lower case. */
export type StubRequest = {
  method: string
  path: string
  query: URLSearchParams
  headers: Record<string, string>
  body: string
}

export const readRequest = async (request: IncomingMessage): Promise<StubRequest> => {
  const body = await readText(request)
  const target = request.url ?? '/'
  const mark = target.indexOf('?')
  const headers = Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )
  return {
    method: request.method ?? 'GET',
    path: mark < 0 ? target : target.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)),
    headers,
    body,
  }
}

const readText = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer) // no encoding is set
  return Buffer.concat(chunks).toString('utf8')
}

/** The path without a key, for the log. */
export const shownPath = ({ path, query }: Pick<StubRequest, 'path' | 'query'>): string => {
  const shown = new URLSearchParams(query)
  shown.delete('x-api-key')
  return shown.size > 0 ? `${path}?${shown}` : path
}

export const readJson = (text: string): Record<string, unknown> => {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null) return {}
    return parsed as Record<string, unknown> // an array has none of the fields
  } catch {
    return {}
  }
}

export type Pieces = (string | Buffer)[]
/** An answer ready to be sent; a stream has a piece for each event. */
export type Prepared = { from: string; status: number; headers: Record<string, string>; pieces: Pieces }

/** Sends the rest of an answer: a stream may have begun. */
export const send = (response: ServerResponse, { status, headers, pieces }: Omit<Prepared, 'from'>): void => {
  if (!response.headersSent) {
    const streamed = headers['content-type']?.startsWith('text/event-stream')
    const length = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0)
    response.writeHead(status, streamed ? headers : { ...headers, 'content-length': String(length) })
  }
  for (const piece of pieces) response.write(piece)
  response.end()
}
