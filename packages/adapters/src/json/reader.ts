import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkedJsonText, type JsonText } from '@automagik-spark/core'
import { hideInJson } from './hide.ts'
import { type JsonLimits, sizeJson } from './scan.ts'
import type { JsonPart, JsonPiece } from './split.ts'
import type { JsonDone, JsonThreads } from './threads.ts'

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

/** JSON of a server: the value to read, and the text as it was written to pass on. */
export type ReadJson = { value: JsonValue; text: JsonText }

const MAX_DEPTH = 100
/** A parsed value takes some 40 bytes. */
export const MAX_VALUES = 300_000
/** Of a list, which is parsed and used piece by piece. */
const MAX_LIST_VALUES = 1_000_000

/** JSON within these limits is parsed at once, in a few milliseconds. Larger JSON goes to a thread and is then parsed piece by piece. */
const MAX_INLINE: JsonLimits = { depth: MAX_DEPTH, values: 20_000 }
const MAX_INLINE_BYTES = 1024 * 1024

/** JSON that cannot be used. The message continues "the answer …". */
export class JsonError extends Error {
  override readonly name = 'JsonError'
}
/** The JSON holds too many values. */
export class TooManyValues extends JsonError {
  constructor(most: number) {
    super(`holds more than ${most} values`)
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const tooDeep = () => new JsonError(`is JSON nested deeper than ${MAX_DEPTH} levels`)

/** Parses small JSON at once; null when it is too large for that. */
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
    // Without the cause: its message quotes the text, which may hold anything.
    throw new JsonError('is not valid JSON')
  }
}

let lastTurn: Promise<unknown> = Promise.resolve()
/** Lets one piece of work into each turn of the event loop, of all answers together. */
const turn = (): Promise<unknown> => (lastTurn = lastTurn.then(() => nextTurn()))

const parsed = (text: string): JsonValue => JSON.parse(text) as JsonValue // as above

/** How long items of a list are used before other work gets a turn: that may take longer than parsing them. */
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

/** The value that JSON.parse would return, built piece by piece. */
const build = async (text: string, piece: JsonPiece): Promise<JsonValue> => {
  if (piece.kind === 'array') {
    const items: JsonValue[] = []
    await eachItem(text, piece, (item) => void items.push(item))
    return items
  }
  if (piece.kind === 'object') {
    const object: { [key: string]: JsonValue } = {}
    // With an assignment a key `__proto__` would set the prototype.
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
 * Reads JSON of unknown servers: valid UTF-8, within the limits of depth and values, and without a secret in any of these forms. Large JSON is
 * checked in a thread.
 */
export const makeJsonReader = (threads: JsonThreads, forms: readonly string[] = []) => {
  const readThere = <T>(
    bytes: Uint8Array,
    values: number,
    use: (read: { text: string; pieces: JsonPiece }) => Promise<T>,
  ): Promise<T> =>
    threads.read({ bytes, limits: { depth: MAX_DEPTH, values }, forms }, (done) => use(textOf(done, values)))

  return {
    /** Takes the bytes over from the caller. */
    async read(bytes: Uint8Array): Promise<ReadJson> {
      const small = readInline(bytes, forms)
      if (small) return small
      return readThere(bytes, MAX_VALUES, async ({ text, pieces }) => {
        const value = await build(text, pieces)
        await turn() // what the caller does with it may take as long as parsing
        return { value, text: text as JsonText } // checked and trimmed there
      })
    },
    /** What `pick` makes of each element of an array; `pick` leaves one out by null. Null: the JSON is not an array. */
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
