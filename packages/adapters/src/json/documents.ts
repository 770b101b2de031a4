import { setImmediate as nextTurn } from 'node:timers/promises'
import { SourceError } from '@automagik-spark/core'
import { badAnswer, type HttpResponse, MAX_ANSWER_BYTES, tooLarge } from '../http/client.ts'
import type { ReadJson } from './reader.ts'

/** Tokens and messages before the result may be many; they are dropped as they come. */
const MAX_STREAM_BYTES = 20 * MAX_ANSWER_BYTES
const MAX_DOCUMENTS = 500_000
/** How long documents are parsed before other work gets a turn of the event loop. */
const SLICE_MS = 4

const [QUOTE, BACKSLASH, OPEN, CLOSE] = [0x22, 0x5c, 0x7b, 0x7d]

export type JsonDocument = ReadJson & { bytes: number }
/** A response that is a stream of JSON documents. */
export type JsonStream = Pick<HttpResponse, 'chunks' | 'read'>

/**
 * The JSON objects in a stream, however the server separates them: by blank lines (Langflow), as `data:` of server-sent events (agno 2), or
 * not at all, over several lines (agno 1). Everything between them is skipped.
 */
export const jsonDocuments = async function* (
  where: string,
  { chunks, read }: JsonStream,
): AsyncGenerator<JsonDocument, void> {
  let parts: Uint8Array[] = []
  let size = 0
  let depth = 0
  let inString = false
  let escaped = false
  let documents = 0
  let since = performance.now()
  for await (const chunk of chunks(MAX_STREAM_BYTES)) {
    let from = depth > 0 ? 0 : chunk.indexOf(OPEN)
    for (let at = from; at !== -1 && at < chunk.length; at++) {
      const byte = chunk[at]
      if (inString) {
        if (escaped) escaped = false
        else if (byte === BACKSLASH) escaped = true
        else if (byte === QUOTE) inString = false
      } else if (byte === QUOTE) inString = true
      else if (byte === OPEN) depth++
      else if (byte === CLOSE && --depth === 0) {
        const document = Buffer.concat([...parts, chunk.subarray(from, at + 1)])
        parts = []
        size = 0
        if (++documents > MAX_DOCUMENTS)
          throw new SourceError(
            'output_too_large',
            'bad_answer',
            `The answer of ${where} has more than ${MAX_DOCUMENTS} events.`,
          )
        const bytes = document.byteLength // before its memory goes to a thread
        yield { ...(await read(document)), bytes }
        // One chunk may hold thousands of documents.
        if (performance.now() - since > SLICE_MS) {
          await nextTurn()
          since = performance.now()
        }
        from = chunk.indexOf(OPEN, at + 1)
        if (from === -1) break
        at = from - 1
      }
    }
    if (depth === 0) continue
    // A copy, since a part would keep the whole chunk in memory.
    const rest = Buffer.from(chunk.subarray(from))
    parts.push(rest)
    size += rest.byteLength
    if (size > MAX_ANSWER_BYTES) throw tooLarge(where, MAX_ANSWER_BYTES)
  }
  if (depth > 0) throw badAnswer(where, 'ends in the middle')
}
