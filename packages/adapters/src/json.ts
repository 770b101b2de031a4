export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

const MAX_DEPTH = 100

/** Bytes that are no JSON of ours to use; the message goes on from "the answer". */
export class JsonError extends Error {
  override readonly name = 'JsonError'
}

/** JSON as strangers send it: UTF-8 that is really UTF-8, and no deeper than what we could ever handle. */
export const parseJson = (bytes: Uint8Array): JsonValue => {
  // Looked at before parsing, as a body of a few MiB can nest millions of levels deep.
  if (depthOf(bytes) > MAX_DEPTH) throw new JsonError(`is JSON nested deeper than ${MAX_DEPTH} levels`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new JsonError('is not valid UTF-8', { cause })
  }
  try {
    return JSON.parse(text) as JsonValue // what JSON.parse gives is JsonValue by definition
  } catch {
    // Its message quotes the text, and that may hold anything.
    throw new JsonError('is not valid JSON')
  }
}

/** The deepest nesting of brackets outside of strings; every byte of a multi-byte character is above the ones looked for. */
const depthOf = (bytes: Uint8Array): number => {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (inString) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x5b || byte === 0x7b) {
      depth++
      if (depth > deepest) deepest = depth
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return deepest
}
