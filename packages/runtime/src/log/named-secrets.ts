import { HIDDEN } from '@automagik-spark/core'

// Anybody can send texts, even without a key. So every pattern here reads each character a bounded number of times: none begins with a
// repetition, and none has one that may end in many ways.

/** Names whose values are secret, anywhere in a text. */
const NAME = /(?:x-)?api[-_]?key|(?:proxy-)?authorization|(?:set-)?cookie|password|secret|token|input_(?:value|data)/gi
const IS_HEADER = /^(?:(?:x-)?api[-_]key|(?:proxy-)?authorization|(?:set-)?cookie)$/i
const IS_PARAMETER = /^(?:(?:x-)?api[-_]?key|password|secret|token)$/i

/** What stands between a name and its value. The backslashes and the quote end a quoted name. */
const SEPARATOR = /\\*["']?\s*([:=])\s*/y
const OPENING_QUOTE = /(\\*)(["'])/y
const SCHEME_AND_KEY = /(?:bearer|basic)\s+\S+/iy
const HEADER_VALUE = /[^\s"',;]{6,}/y
const PARAMETER_VALUE = /[^\s&"',;]+/y
/** Without one of these, a word after a header's name belongs to a sentence, unless it is too long for a word. */
const KEY_LIKE = /[\d_-]/
const LONGEST_WORD = 64

/** User and password in an address: between the slashes and the last @. */
const USER_INFO = /:\/\/[^\s/?#"'\\]+@/g

/** Hides the values of fields, headers and parameters with a secret's name, and passwords in addresses. */
export const hideNamed = (text: string): string => {
  let clean = ''
  let kept = 0
  NAME.lastIndex = 0
  for (let match = NAME.exec(text); match; match = NAME.exec(text)) {
    const value = isWithinWord(text, match.index) ? null : valueOf(text, match[0], NAME.lastIndex)
    if (!value) continue
    clean += text.slice(kept, value.from) + value.hidden
    kept = NAME.lastIndex = value.to
  }
  return (clean + text.slice(kept)).replace(USER_INFO, `://${HIDDEN}@`)
}

type Value = { from: number; to: number; hidden: string }

/** The value of the name that ends at `at`; null when it is not a field, or its value not a secret. */
const valueOf = (text: string, name: string, at: number): Value | null => {
  const separator = matchAt(SEPARATOR, text, at)
  if (!separator) return null
  const from = at + separator[0].length
  const quote = matchAt(OPENING_QUOTE, text, from)
  if (quote) return quoted(text, from, quote[1]!.length, quote[2]!)
  const isHeader = separator[1] === ':' && IS_HEADER.test(name)
  const isParameter = separator[0] === '=' && IS_PARAMETER.test(name)
  const value = isHeader
    ? headerValue(text, from)
    : isParameter
      ? (matchAt(PARAMETER_VALUE, text, from)?.[0] ?? null)
      : null
  return value === null ? null : { from, to: from + value.length, hidden: HIDDEN }
}

const headerValue = (text: string, from: number): string | null => {
  const withScheme = matchAt(SCHEME_AND_KEY, text, from)
  if (withScheme) return withScheme[0]
  const word = /^\S*/.exec(text.slice(from, from + LONGEST_WORD))![0] // matches the empty word too
  return word.length === LONGEST_WORD || KEY_LIKE.test(word) ? (matchAt(HEADER_VALUE, text, from)?.[0] ?? null) : null
}

/**
 * Reads a quoted value up to its closing quote, or to the end of the text. JSON inside JSON has backslashes before its quotes: on each
 * level twice as many plus one. A quote inside the value has more of them than the quotes around it.
 */
const quoted = (text: string, from: number, backslashes: number, quote: string): Value => {
  const edge = '\\'.repeat(backslashes) + quote
  const start = from + edge.length
  let run = 0
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') run++
    else if (text[at] === quote && run % (2 * (backslashes + 1)) === backslashes)
      return { from, to: at + 1, hidden: edge + HIDDEN + edge }
    else run = 0
  }
  return { from, to: text.length, hidden: edge + HIDDEN + edge }
}

const isWithinWord = (text: string, at: number): boolean => at > 0 && /[a-z0-9]/i.test(text[at - 1]!)

const matchAt = (sticky: RegExp, text: string, at: number): RegExpExecArray | null => {
  sticky.lastIndex = at
  return sticky.exec(text)
}
