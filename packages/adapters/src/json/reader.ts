import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkedJsonText, type JsonText } from '@automagik-spark/core'
import { hideInJson } from './hide.ts'
import { type JsonLimits, sizeJson } from './scan.ts'
import type { JsonPart, JsonPiece } from './split.ts'
import type { JsonDone, JsonThreads } from './threads.ts'

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

/** What a stranger sent: to look at, and its own text to pass on. */
export type ReadJson = { value: JsonValue; text: JsonText }

const MAX_DEPTH = 100
/** Some 40 bytes each, once parsed. */
export const MAX_VALUES = 300_000
/** In a list, which is looked at piece by piece. */
const MAX_LIST_VALUES = 1_000_000

/** What is parsed at once in a few milliseconds, and so where it came. More goes to a thread, and is then parsed piece by piece. */
const MAX_INLINE: JsonLimits = { depth: MAX_DEPTH, values: 20_000 }
const MAX_INLINE_BYTES = 1024 * 1024

/** Bytes that are no JSON of ours to use; the message goes on from "the answer". */
export class JsonError extends Error {
  override readonly name = 'JsonError'
}
/** JSON of more values than we take. */
export class TooManyValues extends JsonError {
  constructor(most: number) {
    super(`holds more than ${most} values`)
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const tooDeep = () => new JsonError(`is JSON nested deeper than ${MAX_DEPTH} levels`)

/** What is small enough to be parsed at once; null for what is not. */
const readInline = (bytes: Uint8Array, forms: readonly string[]): ReadJson | null => {
  if (bytes.byteLength > MAX_INLINE_BYTES) return null
  const size = sizeJson(bytes, MAX_INLINE)
  if (!size.within) {
    if (size.past === 'depth') throw tooDeep()
    return null
  }
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch (cause) {
    throw new JsonError('is not valid UTF-8', { cause })
  }
  try {
    return checkedJsonText(hideInJson(text, forms)) as ReadJson // what JSON.parse gives is JsonValue by definition
  } catch {
    // Its message quotes the text, and that may hold anything.
    throw new JsonError('is not valid JSON')
  }
}

let lastTurn: Promise<unknown> = Promise.resolve()
/** One piece of work a turn of the event loop, whoever has more of it. */
const turn = (): Promise<unknown> => (lastTurn = lastTurn.then(() => nextTurn()))

const parsed = (text: string): JsonValue => JSON.parse(text) as JsonValue // as above

/** What is done with the items of a list may take longer than to parse them. */
const SLICE_MS = 4
const useAll = async (items: JsonValue[], use: (item: JsonValue) => void): Promise<void> => {
  let since = performance.now()
  for (const item of items) {
    use(item)
    if (performance.now() - since < SLICE_MS) continue
    await turn()
    since = performance.now()
  }
}

const eachItem = async (
  text: string,
  { parts }: { parts: JsonPart[] },
  use: (item: JsonValue) => void,
): Promise<void> => {
  for (const { piece } of parts) {
    if (piece.kind === 'group') await useAll(await elements(text, piece), use)
    else use(await build(text, piece))
  }
}

type Group = Extract<JsonPiece, { kind: 'group' }>
const elements = async (text: string, { from, to }: Group): Promise<JsonValue[]> => {
  await turn()
  return parsed(`[${text.slice(from, to)}]`) as JsonValue[] // as its brackets say
}
const members = async (text: string, { from, to }: Group): Promise<{ [key: string]: JsonValue }> => {
  await turn()
  return parsed(`{${text.slice(from, to)}}`) as { [key: string]: JsonValue } // as its brackets say
}

/** The value that JSON.parse would give, made piece by piece. */
const build = async (text: string, piece: JsonPiece): Promise<JsonValue> => {
  if (piece.kind === 'array') {
    const items: JsonValue[] = []
    await eachItem(text, piece, (item) => void items.push(item))
    return items
  }
  if (piece.kind === 'object') {
    const object: { [key: string]: JsonValue } = {}
    // Unlike an assignment this makes a key named `__proto__` a key like any other.
    const add = (key: string, value: JsonValue) =>
      Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
    for (const { key, piece: part } of piece.parts) {
      if (key) add(String(parsed(text.slice(...key))), await build(text, part))
      else if (part.kind === 'group')
        for (const [name, value] of Object.entries(await members(text, part))) add(name, value)
    }
    return object
  }
  await turn()
  return parsed(text.slice(piece.from, piece.to))
}

const textOf = (done: JsonDone, maxValues: number): Extract<JsonDone, { text: string }> => {
  if ('text' in done) return done
  if ('fault' in done) throw new JsonError(done.fault)
  throw done.past === 'depth' ? tooDeep() : new TooManyValues(maxValues)
}

/**
 * Reads JSON as strangers send it: UTF-8 that is really UTF-8, no deeper and no fuller than what we could ever handle, and without a secret
 * in any of these forms. Large answers are looked at in a thread.
 */
export const makeJsonReader = (threads: JsonThreads, forms: readonly string[] = []) => {
  const readThere = <T>(
    bytes: Uint8Array,
    values: number,
    use: (read: { text: string; pieces: JsonPiece }) => Promise<T>,
  ): Promise<T> =>
    threads.read({ bytes, limits: { depth: MAX_DEPTH, values }, forms }, (done) => use(textOf(done, values)))

  return {
    /** Takes the bytes away from the caller. */
    async read(bytes: Uint8Array): Promise<ReadJson> {
      const small = readInline(bytes, forms)
      if (small) return small
      return readThere(bytes, MAX_VALUES, async ({ text, pieces }) => {
        const value = await build(text, pieces)
        await turn() // whoever goes on with it may have as much to do as there was to parse
        return { value, text: text as JsonText } // checked and trimmed there
      })
    },
    /** What `pick` makes of each element of an array, without those that it gives null for. What is no array gives null. */
    async list<T>(bytes: Uint8Array, pick: (item: JsonValue) => T | null): Promise<T[] | null> {
      const picked: T[] = []
      const use = (item: JsonValue) => {
        const one = pick(item)
        if (one !== null) picked.push(one)
      }
      const small = readInline(bytes, forms)
      if (small) {
        if (!Array.isArray(small.value)) return null
        await useAll(small.value, use)
        return picked
      }
      return readThere(bytes, MAX_LIST_VALUES, async ({ text, pieces }) => {
        if (pieces.kind !== 'array') return null
        await eachItem(text, pieces, use)
        return picked
      })
    },
  }
}
