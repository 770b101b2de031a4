const HALF = /\\ud[89a-f]/
const ESCAPES = /\\(?:ud[89a-f][0-9a-f]{2}|.)/g

/**
 * As `JSON.stringify`, with U+FFFD for half a surrogate pair, which the id or name of a flow may contain: alone it is not valid Unicode, and
 * strict JSON readers refuse the whole answer.
 */
export const wellFormedJson = (value: unknown): string => {
  const text = JSON.stringify(value)
  return HALF.test(text) ? text.replace(ESCAPES, (escape) => (escape.length === 6 ? '\\ufffd' : escape)) : text
}
