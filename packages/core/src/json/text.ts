declare const brand: unique symbol

/**
 * One JSON value as its own source text, without space around it: every digit, the order of its keys, its escapes. A number that JavaScript
 * cannot hold stays as it was written, which no parsed value can promise. Whoever makes one has seen `JSON.parse` take it.
 */
export type JsonText = string & { readonly [brand]: true }

/** The text of a value of ours. */
export const jsonText = (value: unknown): JsonText => {
  const text = JSON.stringify(value) as string | undefined // the library's type leaves out what it says of functions and undefined
  if (text === undefined) throw new TypeError('this is not a JSON value')
  return text as JsonText
}

/** Text from outside. Throws what `JSON.parse` throws. */
export const checkedJsonText = (text: string): { value: unknown; text: JsonText } => {
  const value: unknown = JSON.parse(text)
  return { value, text: text.trim() as JsonText } // outside of a value JSON has no other space than what `trim` takes
}

/** What was checked already, in a database or in another place that keeps JSON. */
export const asJsonText = (text: string): JsonText => text as JsonText

/** To look at it, or to read a field. What is passed on is the text itself. */
export const readJson = (text: JsonText): unknown => JSON.parse(text)

export const isObjectText = (text: JsonText): boolean => text.startsWith('{')
export const isStringText = (text: JsonText): boolean => text.startsWith('"')

/** The value as a server wants it that takes text alone: a string's own characters, anything else as its JSON text. */
export const plainText = (text: JsonText): string => (isStringText(text) ? String(readJson(text)) : text)

/** The same as a JSON string; one that is a string already stays as it was written. */
export const asStringText = (text: JsonText): JsonText => (isStringText(text) ? text : jsonText(text))

/** An object of members that are JSON text already. */
export const objectText = (members: Iterable<readonly [key: string, value: JsonText]>): JsonText =>
  `{${Array.from(members, ([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}` as JsonText
