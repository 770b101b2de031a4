import { checkedJsonText, DomainError } from '@automagik-spark/core'

/** Deeper than any field may be: what is kept is held to core's own limit, this one keeps recursion away from strangers. */
const MAX_DEPTH = 64
const [QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d]

const invalid = (sentence: string, cause?: unknown) => new DomainError('invalid', sentence, { errors: [{ path: 'body', message: sentence }], cause })

const isTooDeep = (text: string): boolean => {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === BACKSLASH) i++
      else if (code === QUOTE) inString = false
    } else if (code === QUOTE) inString = true
    else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      if (++depth > MAX_DEPTH) return true
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) depth--
  }
  return false
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

/** The index of the first character that cannot stand where it stands; the length when the end comes too early. */
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
    if (text[i] === '{') members('}', () => { string(); expect(':'); value() })
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
  const before = text.slice(0, index)
  const line = before.split('\n').length
  const column = index - before.lastIndexOf('\n')
  return `unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(index)!))} at line ${line}, column ${column}`
}

/** A body, and its own text: what is the user's in it is cut from there. */
export type ParsedBody = ReturnType<typeof checkedJsonText>

/** Any JSON, a bare string too. V8's own message would repeat the body, which may hold a key. */
export const parseJson = (text: string): ParsedBody => {
  if (isTooDeep(text)) throw invalid(`The body is nested deeper than ${MAX_DEPTH} levels`)
  try {
    return checkedJsonText(text)
  } catch (cause) {
    throw invalid(`The body is not valid JSON: ${where(text)}`, cause)
  }
}
