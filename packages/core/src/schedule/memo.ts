/** Remembers what was made for a key. Many schedules share few expressions; at `most` of them it begins anew. */
export const makeMemo = <T>(most: number) => {
  const known = new Map<string, T>()
  return (key: string, make: () => T): T => {
    let value = known.get(key)
    if (value === undefined) {
      if (known.size >= most) known.clear()
      value = make()
      known.set(key, value)
    }
    return value
  }
}
