import { describe, expect, it } from 'vitest'
import { singleFlight } from './single-flight.ts'

/** Work whose runs end when the test says so. */
const makeWork = () => {
  const runs: { resolve(value: number): void; reject(error: Error): void }[] = []
  const work = () => new Promise<number>((resolve, reject) => void runs.push({ resolve, reject }))
  return { runs, work }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('single flight', () => {
  it('has one run under way, and one more for all calls during it', async () => {
    const { runs, work } = makeWork()
    const call = singleFlight(work)
    const calls = [call(), call(), call()]
    expect(runs).toHaveLength(1)
    runs[0]!.resolve(1)
    await turn()
    expect(runs).toHaveLength(2)
    runs[1]!.resolve(2)
    expect(await Promise.all(calls)).toEqual([2, 2, 2])
    expect(runs).toHaveLength(2)
  })

  it('runs once for a call alone, and anew for a later one', async () => {
    const { runs, work } = makeWork()
    const call = singleFlight(work)
    const first = call()
    runs[0]!.resolve(1)
    expect(await first).toBe(1)
    const second = call()
    runs[1]!.resolve(2)
    expect(await second).toBe(2)
    expect(runs).toHaveLength(2)
  })

  it('adds up what the runs gave', async () => {
    const { runs, work } = makeWork()
    const call = singleFlight(work, (sum, next) => sum + next)
    const both = Promise.all([call(), call()])
    runs[0]!.resolve(3)
    await turn()
    runs[1]!.resolve(4)
    expect(await both).toEqual([7, 7])
  })

  it('tells an error to every caller, and runs again for the next one', async () => {
    const { runs, work } = makeWork()
    const call = singleFlight(work)
    const calls = [call(), call()]
    runs[0]!.reject(new Error('away'))
    for (const waiting of calls) await expect(waiting).rejects.toThrow('away')
    expect(runs).toHaveLength(1)
    const later = call()
    runs[1]!.resolve(5)
    expect(await later).toBe(5)
  })

  it('survives work that throws at once', async () => {
    const call = singleFlight((): Promise<number> => {
      throw new Error('at once')
    })
    await expect(call()).rejects.toThrow('at once')
    await expect(call()).rejects.toThrow('at once')
  })
})
