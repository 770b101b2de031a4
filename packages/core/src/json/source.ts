import { isObject } from './is-object.ts'
import { jsonNode } from './node.ts'
import type { JsonText } from './text.ts'
import { jsonText, readJson } from './text.ts'
import { wellFormedJson } from './well-formed.ts'

/**
 * A value of the user's or the flow's on its way through the border of the API: what stands for it there is its source text. A reader of
 * requests puts it in, the contract's schemas check its value and hand on its text; answers hold it, and the writer writes its text.
 */
export class JsonSource {
  readonly text: JsonText
  #value: unknown

  constructor(text: JsonText, value?: unknown) {
    this.text = text
    this.#value = value
  }

  get value(): unknown {
    return (this.#value ??= readJson(this.text))
  }
  /** For logs and for whoever looks at an answer: the nearest that JavaScript has. */
  toJSON(): unknown {
    return this.value
  }
}

/** The fields of request bodies that hold the user's own JSON. */
export const USER_JSON = ['input_value', 'tweaks'] as const

/** The text that was cut for this value, or the text of a value of ours. */
export const sourceText = (value: unknown): JsonText => (value instanceof JsonSource ? value.text : jsonText(value))
export const sourceValue = (value: unknown): unknown => (value instanceof JsonSource ? value.value : value)

/**
 * A request body with the source text in the place of what is the user's own. Of doubled fields the last counts, for the check and for what
 * travels: neither can be shown a value that the other does not have. Null is no value.
 */
export const withSources = (value: unknown, text: JsonText): unknown => {
  if (typeof value === 'string') return new JsonSource(text, value)
  if (!isObject(value)) return value
  const given = USER_JSON.filter((field) => Object.hasOwn(value, field) && value[field] !== null)
  if (given.length === 0) return value
  const node = jsonNode(text)
  return {
    ...value,
    ...Object.fromEntries(given.map((field) => [field, new JsonSource(node.at(field)!.text, value[field])])),
  }
}

/** A page of rows: the object, its list, an item, a field. */
const LEVELS = 4

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** As `wellFormedJson`, with the source text where a `JsonSource` stands, which is no deeper than `levels`. */
export const writeJson = (value: unknown, levels = LEVELS): string => {
  if (value instanceof JsonSource) return value.text
  if (levels === 0 || typeof value !== 'object' || value === null) return wellFormedJson(value)
  if (Array.isArray(value))
    return `[${value.map((item: unknown) => (item === undefined ? 'null' : writeJson(item, levels - 1))).join(',')}]`
  if (!isPlain(value)) return wellFormedJson(value)
  const members = Object.entries(value).flatMap(([key, member]) =>
    member === undefined ? [] : [`${wellFormedJson(key)}:${writeJson(member, levels - 1)}`],
  )
  return `{${members.join(',')}}`
}
