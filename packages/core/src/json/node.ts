import { eachPart, findEnds, LONG } from './slice.ts'
import type { JsonText } from './text.ts'

/** A JSON value whose parts can be read one by one. */
export type JsonNode = { readonly text: JsonText; at(key: string | number): JsonNode | undefined }

/** Objects with more members than this get a map of their keys. */
const FEW = 8
/** The parts of one value. `places` holds start and end of each; `keys` is null for an array. */
type Parts = { keys: string[] | null; byKey: Map<string, number> | null; places: number[] }

type PlaceIn = (from: number, to: number, wanted: string | number) => [start: number, end: number] | null

/** A class, since an object with its own getter takes ten times as long to create. */
class Cut implements JsonNode {
  readonly #source: string
  readonly #placeIn: PlaceIn
  readonly #from: number
  readonly #to: number

  constructor(source: string, placeIn: PlaceIn, from: number, to: number) {
    this.#source = source
    this.#placeIn = placeIn
    this.#from = from
    this.#to = to
  }

  get text(): JsonText {
    return this.#source.slice(this.#from, this.#to) as JsonText
  }

  at(key: string | number): JsonNode | undefined {
    const place = this.#placeIn(this.#from, this.#to, key)
    return place ? new Cut(this.#source, this.#placeIn, ...place) : undefined
  }
}

/** For reading deep parts of an answer. The text is scanned once, however deep the reader goes, and each value is split once. */
export const jsonNode = (text: JsonText): JsonNode => {
  const ends = findEnds(text)
  const apart = new Map<number, Parts>()

  const partsAt = (from: number): Parts => {
    const known = apart.get(from)
    if (known) return known
    const [keys, places]: [string[], number[]] = [[], []]
    eachPart(
      text,
      (key, start, end) => {
        if (typeof key === 'string') keys.push(key)
        places.push(start, end)
      },
      from,
      ends,
    )
    const parts = {
      keys: keys.length > 0 ? keys : null,
      byKey: keys.length > FEW ? new Map(keys.map((key, index) => [key, index])) : null,
      places,
    }
    apart.set(from, parts)
    return parts
  }
  /** The last of several equal keys counts, as for `JSON.parse`. */
  const indexOf = ({ keys, byKey }: Parts, key: string | number): number => {
    if (typeof key === 'number') return keys === null ? key : -1
    return byKey?.get(key) ?? keys?.lastIndexOf(key) ?? -1
  }
  /** The parts of a short value are not kept: to scan it again costs less. */
  const placeIn: PlaceIn = (from, to, wanted) => {
    let [start, end] = [-1, -1]
    if (to - from < LONG) {
      eachPart(
        text,
        (key, partStart, partEnd) => {
          if (key === wanted) [start, end] = [partStart, partEnd]
        },
        from,
        ends,
      )
    } else {
      const parts = partsAt(from)
      const index = indexOf(parts, wanted)
      ;[start, end] = [parts.places[index * 2] ?? -1, parts.places[index * 2 + 1] ?? -1]
    }
    return start === -1 ? null : [start, end]
  }
  return new Cut(text, placeIn, 0, text.length)
}
