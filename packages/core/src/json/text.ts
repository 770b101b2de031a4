declare const brand: unique symbol

/**
 * One JSON value as its source text, without space around it: it keeps every digit, the order of keys, and escapes, also of a number that
 * JavaScript cannot hold. Valid JSON: whoever makes one has checked that `JSON.parse` accepts it.
 */
export type JsonText = string & { readonly [brand]: true }

/** The JSON text of a value that Spark made. */
export const jsonText = (value: unknown): JsonText => {
  const text = JSON.stringify(value) as string | undefined // TypeScript's type leaves out that functions and undefined give undefined
  if (text === undefined) throw new TypeError('this is not a JSON value')
  return text as JsonText
}

/** Checks text from outside. Throws what `JSON.parse` throws. */
export const checkedJsonText = (text: string): { value: unknown; text: JsonText } => {
  const value: unknown = JSON.parse(text)
  return { value, text: text.trim() as JsonText } // around a value JSON allows only spaces that `trim` removes
}

/** For text that was checked already, such as a JSON column. */
export const asJsonText = (text: string): JsonText => text as JsonText

/** To inspect a value. Pass on the text, not what this returns: numbers may lose digits. */
export const readJson = (text: JsonText): unknown => JSON.parse(text)

export const isObjectText = (text: JsonText): boolean => text.startsWith('{')
export const isStringText = (text: JsonText): boolean => text.startsWith('"')

/** For a server that takes only text: the characters of a string, or the JSON text of any other value. */
export const plainText = (text: JsonText): string => (isStringText(text) ? String(readJson(text)) : text)

/** The value as a JSON string that holds its text; a string stays as it was written. */
export const asStringText = (text: JsonText): JsonText => (isStringText(text) ? text : jsonText(text))

/** Makes an object from members that are JSON text. */
export const objectText = (members: Iterable<readonly [key: string, value: JsonText]>): JsonText =>
  `{${Array.from(members, ([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}` as JsonText
