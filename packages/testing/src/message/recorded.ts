import { readdirSync, readFileSync } from 'node:fs'
import { packageRoot } from '../package-root.ts'

/** One request to a real Hive or Agents server and its answer, as the recorder wrote it. */
export type RecordedMessage = {
  case: string
  request: {
    method: string
    path: string
    headers?: Record<string, string>
    form?: Record<string, string>
    json?: unknown
    body?: string
  }
  response: {
    status: number
    headers: Record<string, string>
    json?: unknown
    text?: string
    /** Server-sent events. */
    events?: { event: string; data: unknown }[]
    /** JSON objects one after another, as agno 1 streams. */
    concatenated_json?: unknown[]
  }
}

export const readFixtures = (folder: string): RecordedMessage[] => {
  const place = new URL(`fixtures/${folder}/`, packageRoot)
  return readdirSync(place)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(new URL(name, place), 'utf8')) as RecordedMessage) // our own files, checked by the tests
}

/** The pieces in which the body of an answer was sent. */
export const recordedPieces = ({ response }: RecordedMessage): string[] => {
  if (response.events)
    return response.events.map(({ event, data }) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  if (response.concatenated_json) return response.concatenated_json.map((one) => JSON.stringify(one, null, 2))
  if (response.json !== undefined) return [JSON.stringify(response.json)]
  return response.text === undefined ? [] : [response.text]
}

/** The recorded answer with another message and session, in every text that holds the recorded message, also in upper case. */
export const refilled = (
  recorded: RecordedMessage,
  from: { message: string | null; session: string | null },
  to: { message: string; session: string | null },
): RecordedMessage => {
  const swap = (value: unknown, name: string): unknown => {
    if (typeof value === 'string') {
      if (/session_(id|name)$/.test(name)) return to.session !== null && value === from.session ? to.session : value
      if (!from.message) return value
      return value
        .split(from.message)
        .map((part) => part.split(from.message!.toUpperCase()).join(to.message.toUpperCase()))
        .join(to.message)
    }
    if (Array.isArray(value)) return value.map((one) => swap(one, name))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, swap(inner, key)]))
  }
  return { ...recorded, response: swap(recorded.response, '') as RecordedMessage['response'] } // the same shape, other texts
}
