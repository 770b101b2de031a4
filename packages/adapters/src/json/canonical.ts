import { isObject } from '@automagik-spark/core'
import type { JsonValue } from './reader.ts'

export type JsonObject = { [key: string]: JsonValue }

/** The objects of an array; none of anything else. */
export const objectsIn = (value: JsonValue | undefined): JsonObject[] =>
  Array.isArray(value) ? value.flatMap((item) => (isObject(item) ? [item] : [])) : []

export const without = (value: JsonObject, left: ReadonlySet<string>): JsonObject =>
  Object.fromEntries(Object.entries(value).filter(([key]) => !left.has(key)))

/** The same value with its keys in a fixed order. */
export const sorted = (value: JsonValue): JsonValue => {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key]!)]),
  )
}
