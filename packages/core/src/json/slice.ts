import type { JsonText } from './text.ts'

// Cuts parts out of JSON text that is known to be valid. One pass without recursion, since an answer may have megabytes.

const [TAB, LINE_FEED, RETURN, SPACE, QUOTE, COMMA, BACKSLASH] = [0x09, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x5c]
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

/** So many characters of a string are scanned one by one: `indexOf` is faster only for longer strings. */
const NEAR = 32

const isSpace = (code: number): boolean => code === SPACE || code === LINE_FEED || code === RETURN || code === TAB
const skipSpace = (text: string, at: number): number => {
  while (isSpace(text.charCodeAt(at))) at++
  return at
}

/** The index after the string that begins at `start`. */
export const endOfString = (text: string, start: number): number => {
  let at = start + 1
  for (const near = Math.min(at + NEAR, text.length); at < near; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH) at++
  }
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote === -1) return text.length
    let backslashes = 0
    while (quote - backslashes > at && text.charCodeAt(quote - backslashes - 1) === BACKSLASH) backslashes++
    at = quote + 1
    if (backslashes % 2 === 0) return at
  }
}

/** The end of each long object and array, by its start, so that a reader that goes down level by level scans none of them twice. */
export type Ends = ReadonlyMap<number, number>
export const LONG = 256

export const findEnds = (text: string): Ends => {
  const ends = new Map<number, number>()
  const open: number[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at) - 1
    else if (code >= OPEN_ARRAY) {
      const kind = code | 0x20 // brackets and braces differ by this bit
      if (kind === OPEN_OBJECT) open.push(at)
      else if (kind === CLOSE_OBJECT) {
        const start = open.pop() ?? 0
        if (at - start >= LONG) ends.set(start, at + 1)
      }
    }
  }
  return ends
}

/** The index after the value that begins at `start`. */
const endOfValue = (text: string, start: number, ends?: Ends): number => {
  const first = text.charCodeAt(start)
  if (first === QUOTE) return endOfString(text, start)
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) {
    let at = start
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === COMMA || code === CLOSE_ARRAY || code === CLOSE_OBJECT || isSpace(code)) break
    }
    return at
  }
  const known = ends?.get(start)
  if (known !== undefined) return known
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at) - 1
    else if (code >= OPEN_ARRAY) {
      const kind = code | 0x20
      if (kind === OPEN_OBJECT) depth++
      else if (kind === CLOSE_OBJECT && --depth === 0) return at + 1
    }
  }
  return text.length
}

const keyOf = (text: string, from: number, to: number): string => {
  const raw = text.slice(from + 1, to - 1)
  return raw.includes('\\') ? String(JSON.parse(text.slice(from, to))) : raw
}

/** Visits the parts of the object or array that begins at `start`, in the order written; other values have none. In an array `key` is the index. */
export const eachPart = (
  text: string,
  visit: (key: string | number, from: number, to: number) => void,
  start = 0,
  ends?: Ends,
): void => {
  const isArray = text.charCodeAt(start) === OPEN_ARRAY
  if (!isArray && text.charCodeAt(start) !== OPEN_OBJECT) return
  for (let at = skipSpace(text, start + 1), index = 0; at < text.length; index++) {
    const code = text.charCodeAt(at)
    if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) return
    let key: string | number = index
    if (!isArray) {
      const end = endOfString(text, at)
      key = keyOf(text, at, end)
      at = skipSpace(text, skipSpace(text, end) + 1) // past the colon
    }
    const end = endOfValue(text, at, ends)
    visit(key, at, end)
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
  }
}

/** The members of an object in the order written, including equal keys. */
export const membersOf = (text: JsonText): [key: string, value: JsonText][] => {
  const members: [string, JsonText][] = []
  if (text.startsWith('{'))
    eachPart(text, (key, from, to) => members.push([String(key), text.slice(from, to) as JsonText]))
  return members
}

/** The elements of an array. */
export const elementsOf = (text: JsonText): JsonText[] => {
  const elements: JsonText[] = []
  if (text.startsWith('[')) eachPart(text, (_, from, to) => elements.push(text.slice(from, to) as JsonText))
  return elements
}

/** The part at a key or index. The last of several equal keys counts, as for `JSON.parse`, so what was validated is what is cut. */
export const partOf = (text: JsonText, wanted: string | number): JsonText | undefined => {
  let part: JsonText | undefined
  eachPart(text, (key, from, to) => {
    if (key === wanted) part = text.slice(from, to) as JsonText
  })
  return part
}

export const sliceAt = (text: JsonText, path: readonly (string | number)[]): JsonText | undefined => {
  let part: JsonText | undefined = text
  for (const key of path) part = part && partOf(part, key)
  return part
}
