/**
 * A map for what can be made again: above `most` entries it drops the oldest one, so that its memory is bounded. An entry that is set again
 * keeps its age, as in a Map.
 */
export const makeBoundedMap = <Key, Value>(most: number) => {
  const entries = new Map<Key, Value>()
  const set = (key: Key, value: Value): void => {
    entries.set(key, value)
    if (entries.size <= most) return
    for (const oldest of entries.keys()) {
      entries.delete(oldest)
      return
    }
  }
  return {
    get: (key: Key): Value | undefined => entries.get(key),
    has: (key: Key): boolean => entries.has(key),
    set,
    delete: (key: Key): boolean => entries.delete(key),
    /** The value of a key; made, and kept, when there is none. */
    getOrMake(key: Key, make: () => Value): Value {
      const known = entries.get(key)
      if (known !== undefined || entries.has(key)) return known as Value // it has the key
      const made = make()
      set(key, made)
      return made
    },
    /** Oldest first. */
    entries: (): MapIterator<[Key, Value]> => entries.entries(),
  }
}
export type BoundedMap<Key, Value> = ReturnType<typeof makeBoundedMap<Key, Value>>
