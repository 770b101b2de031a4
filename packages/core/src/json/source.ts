import { isObject } from './is-object.ts'
import { jsonNode } from './node.ts'
import type { JsonText } from './text.ts'
import { jsonText, readJson } from './text.ts'
import { wellFormedJson } from './well-formed.ts'

/**
 * Carries a JSON value of a user or a flow through the API together with its source text, so that no digit is lost. The reader of requests
 * creates it, the contract's schemas check the value and pass on the text; in an answer `writeJson` writes the text.
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
  /** For logs and plain `JSON.stringify`: the value, with numbers as JavaScript holds them. */
  toJSON(): unknown {
    return this.value
  }
}

/** The fields of request bodies that hold the user's own JSON. */
export const USER_JSON = ['input_value', 'tweaks'] as const

/** The source text of a `JsonSource`, or the JSON text of any other value. */
export const sourceText = (value: unknown): JsonText => (value instanceof JsonSource ? value.text : jsonText(value))
export const sourceValue = (value: unknown): unknown => (value instanceof JsonSource ? value.value : value)

/**
 * A request body in which each field of the user's own JSON is a `JsonSource`. The last of several equal fields counts both for the check
 * and for what is passed on, so a body cannot pass the check with one value and run with another. Null stays null.
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

/** As deep as a page of rows: the object, its list, an item, a field. */
const LEVELS = 4

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** As `wellFormedJson`, but writes the source text of every `JsonSource`; these stand no deeper than `levels`. */
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
