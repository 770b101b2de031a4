/** Numbers in [0, 1) that a seed decides (mulberry32), and what is drawn with them. */
export const makeChance = (seed: number) => {
  let state = seed >>> 0
  const random = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    random,
    between: (least: number, most: number): number => least + random() * (most - least),
    one: <T>(things: readonly [T, ...T[]]): T => things[Math.floor(random() * things.length)] ?? things[0],
  }
}
export type Chance = ReturnType<typeof makeChance>
