const HALF = /\\ud[89a-f]/
const ESCAPES = /\\(?:ud[89a-f][0-9a-f]{2}|.)/g

/**
 * As `JSON.stringify`, with U+FFFD for half a surrogate pair, which a flow server may have in an id or a name: its escape alone is no text in
 * Unicode, and strict readers refuse the whole answer.
 */
export const wellFormedJson = (value: unknown): string => {
  const text = JSON.stringify(value)
  return HALF.test(text) ? text.replace(ESCAPES, (escape) => (escape.length === 6 ? '\\ufffd' : escape)) : text
}
