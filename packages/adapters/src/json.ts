import { checkedJsonText, type JsonText } from '@automagik-spark/core'

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

/** What a stranger sent: to look at, and its own text to pass on. */
export type ReadJson = { value: JsonValue; text: JsonText }

const MAX_DEPTH = 100

/** Bytes that are no JSON of ours to use; the message goes on from "the answer". */
export class JsonError extends Error {
  override readonly name = 'JsonError'
}

/** JSON as strangers send it: UTF-8 that is really UTF-8, and no deeper than what we could ever handle. */
export const parseJson = (bytes: Uint8Array): ReadJson => {
  // Looked at before parsing, as a body of a few MiB can nest millions of levels deep.
  if (depthOf(bytes) > MAX_DEPTH) throw new JsonError(`is JSON nested deeper than ${MAX_DEPTH} levels`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new JsonError('is not valid UTF-8', { cause })
  }
  try {
    return checkedJsonText(text) as ReadJson // what JSON.parse gives is JsonValue by definition
  } catch {
    // Its message quotes the text, and that may hold anything.
    throw new JsonError('is not valid JSON')
  }
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c]

/** The deepest nesting of brackets outside of strings; every byte of a multi-byte character is above the ones looked for. */
const depthOf = (bytes: Uint8Array): number => {
  let depth = 0
  let deepest = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte === QUOTE) {
      // Strings are most of an answer, and are searched natively.
      i = endOfString(bytes, i + 1)
    } else if (byte === 0x5b || byte === 0x7b) {
      depth++
      if (depth > deepest) deepest = depth
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return deepest
}

/** A native search pays from about here on. */
const NEAR = 48

/** Where the quote is that ends the string; the end of all where none does. */
const endOfString = (bytes: Uint8Array, from: number): number => {
  for (let start = from; ; ) {
    const near = Math.min(start + NEAR, bytes.length)
    let at = start
    for (; at < near; at++) {
      const byte = bytes[at]
      if (byte === QUOTE) return at
      if (byte === BACKSLASH) at++
    }
    const quote = bytes.indexOf(QUOTE, at)
    if (quote === -1) return bytes.length
    let backslashes = 0
    while (quote - backslashes > at && bytes[quote - backslashes - 1] === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return quote
    start = quote + 1
  }
}
