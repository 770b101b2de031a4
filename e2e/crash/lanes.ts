import type { Lane } from './lane.ts'
import { openLane } from './lane.ts'

/** Databases side by side, each for one case at a time, opened when they are needed. */
export const makeLanes = (postgresUrl: string, most: number, mongodbUri?: string) => {
  const all: Promise<Lane>[] = []
  const free: Lane[] = []
  const waiting: ((lane: Lane) => void)[] = []
  const open = () => {
    const lane = openLane(postgresUrl, mongodbUri)
    all.push(lane)
    return lane
  }
  const giveBack = (lane: Lane) => {
    const next = waiting.shift()
    if (next) next(lane)
    else free.push(lane)
  }

  return {
    async use<T>(work: (lane: Lane) => Promise<T>): Promise<T> {
      const lane =
        free.pop() ?? (all.length < most ? await open() : await new Promise<Lane>((resolve) => waiting.push(resolve)))
      try {
        const result = await work(lane)
        giveBack(lane)
        return result
      } catch (error) {
        giveBack(await open()) // where a case failed, what it left would fail the others
        throw error
      }
    },
    async close() {
      for (const lane of all) await (await lane).close()
    },
  }
}
export type Lanes = ReturnType<typeof makeLanes>
