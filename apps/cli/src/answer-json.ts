import type { JsonText } from '@automagik-spark/core'
import { asJsonText, elementsOf, partOf, prettyJson } from '@automagik-spark/core'
import { type OnAnswer, stringifyJson } from '@automagik-spark/sdk'

const texts = new WeakMap<object, JsonText>()

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
const keep = (value: unknown, text: JsonText | undefined): void => {
  if (isObject(value) && text !== undefined) texts.set(value, text)
}
const keepEach = (list: unknown, text: JsonText | undefined): void => {
  if (!Array.isArray(list) || text === undefined) return
  const elements = elementsOf(text)
  for (const [index, item] of list.entries()) keep(item, elements[index])
}

/** Remembers the JSON text of an answer, and of each item of a list: parsed numbers may lose digits. */
export const keepText: OnAnswer = (data, answer) => {
  const text = asJsonText(answer.trim()) // the SDK has parsed it, so it is JSON
  keep(data, text)
  keepEach(data, text)
  if (isObject(data) && 'items' in data) keepEach(data.items, partOf(text, 'items'))
}

/** JSON of a value: the server's own text for an answer or an item of a list. */
export const textOf = (value: unknown): JsonText =>
  (isObject(value) ? texts.get(value) : undefined) ?? asJsonText(stringifyJson(value) ?? 'null')

/** A field of an answer as JSON. */
export const fieldText = (thing: object, field: string): JsonText => {
  const text = texts.get(thing)
  return (text && partOf(text, field)) ?? textOf(Reflect.get(thing, field))
}

/** Indented JSON. A list is joined from its items, because they may come from several pages. */
export const prettyText = (value: unknown): string =>
  prettyJson(Array.isArray(value) && !texts.has(value) ? asJsonText(`[${value.map(textOf).join(',')}]`) : textOf(value))
