import { checkedJsonText, DomainError } from '@automagik-spark/core'

/** Deeper than any field may be, as core has its own limit for stored values. This one keeps strangers from deep recursion. */
const MAX_DEPTH = 64
/** More than any field may have, as core has its own limit of 10,000 keys and elements. This one saves parsing what cannot be accepted. */
const MAX_VALUES = 50_000
const [QUOTE, BACKSLASH, COMMA, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x22, 0x5c, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d,
]

const invalid = (sentence: string, cause?: unknown) =>
  new DomainError('invalid', sentence, { errors: [{ path: 'body', message: sentence }], cause })

/** Why a text is too large to be parsed, or null. Reads it once, also when it is not JSON. */
const sizeProblem = (text: string): string | null => {
  let depth = 0
  let values = 1
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === BACKSLASH) i++
      else if (code === QUOTE) inString = false
    } else if (code === QUOTE) inString = true
    else if (code === COMMA) values++
    else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      values++
      if (++depth > MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels`
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) depth--
    if (values > MAX_VALUES) return `holds more than ${MAX_VALUES} values`
  }
  return null
}

const WORD = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
class NotJson extends Error {
  readonly index: number
  constructor(index: number) {
    super('not JSON')
    this.index = index
  }
}

/** The index of the first wrong character; the length when the end comes too early. */
export const firstFault = (text: string): number => {
  let i = 0
  const fail = (): never => {
    throw new NotJson(i)
  }
  const skipSpace = () => {
    while (i < text.length && ' \t\n\r'.includes(text[i]!)) i++
  }
  const expect = (character: string) => {
    skipSpace()
    if (text[i] !== character) fail()
    i++
  }
  const take = (pattern: RegExp) => {
    pattern.lastIndex = i
    const match = pattern.exec(text)
    if (!match) return fail()
    i += match[0].length
  }
  const string = () => {
    expect('"')
    while (text[i] !== '"') {
      if (i >= text.length || text[i]! < ' ') fail()
      if (text[i] === '\\') take(ESCAPE)
      else i++
    }
    i++
  }
  const members = (close: string, member: () => void) => {
    i++
    skipSpace()
    if (text[i] === close) return void i++
    member()
    skipSpace()
    while (text[i] === ',') {
      i++
      member()
      skipSpace()
    }
    expect(close)
  }
  const value = () => {
    skipSpace()
    if (text[i] === '{')
      members('}', () => {
        string()
        expect(':')
        value()
      })
    else if (text[i] === '[') members(']', value)
    else if (text[i] === '"') string()
    else take(WORD)
  }
  try {
    value()
    skipSpace()
    return i
  } catch (error) {
    if (error instanceof NotJson) return error.index
    throw error
  }
}

const where = (text: string): string => {
  const index = firstFault(text)
  if (index >= text.length) return 'it ends too early'
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line++
  const column = index - text.lastIndexOf('\n', index - 1)
  return `unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(index)!))} at line ${line}, column ${column}`
}

/** A body with its source text, from which the user's own JSON is cut. */
export type ParsedBody = ReturnType<typeof checkedJsonText>

/** Parses any JSON, also a bare string. V8's own message is not used: it repeats the body, which may hold a key. */
export const parseJson = (text: string): ParsedBody => {
  const problem = sizeProblem(text)
  if (problem) throw invalid(`The body ${problem}`)
  try {
    return checkedJsonText(text)
  } catch (cause) {
    throw invalid(`The body is not valid JSON: ${where(text)}`, cause)
  }
}
