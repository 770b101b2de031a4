import { describe, expect, it } from 'vitest'
import { makeBatcher } from './batcher.ts'

/** Batches that end when the test says so. */
const makeHeld = (options: {
  max: number
  maxWeight?: number
  weightOf?: (item: number) => number
  parallel?: number
}) => {
  const batches: { items: number[]; end: (error?: Error) => void }[] = []
  const ask = makeBatcher<number, number>({
    ...options,
    run: (items) =>
      new Promise((resolve, reject) => {
        batches.push({ items, end: (error) => (error ? reject(error) : resolve(items.map((item) => item * 10))) })
      }),
  })
  return { batches, ask }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('makeBatcher', () => {
  it('sends what is asked for together as one, and gives each its own answer', async () => {
    const { batches, ask } = makeHeld({ max: 10 })
    const answers = Promise.all([ask(1), ask(2), ask(3)])
    await turn()
    expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3]])
    batches[0]!.end()
    expect(await answers).toEqual([10, 20, 30])
  })

  it('gathers what comes while one is under way, up to the most', async () => {
    const { batches, ask } = makeHeld({ max: 2 })
    const answers = [ask(1)]
    await turn()
    answers.push(ask(2), ask(3), ask(4))
    await turn()
    expect(batches.map(({ items }) => items)).toEqual([[1]])
    batches[0]!.end()
    await turn()
    batches[1]!.end()
    await turn()
    batches[2]!.end()
    expect(await Promise.all(answers)).toEqual([10, 20, 30, 40])
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3], [4]])
  })

  it('sends together no more than weighs so much, but always one', async () => {
    const { batches, ask } = makeHeld({ max: 3, maxWeight: 10, weightOf: (item) => item, parallel: 9 })
    const answers = Promise.all([4, 6, 1, 12, 2, 3, 4, 5].map((item) => ask(item)))
    await turn()
    expect(batches.map(({ items }) => items)).toEqual([[4, 6], [1], [12], [2, 3, 4], [5]])
    for (const { end } of batches) end()
    expect(await answers).toEqual([40, 60, 10, 120, 20, 30, 40, 50])
  })

  it('lets as many run at once as it may', async () => {
    const { batches, ask } = makeHeld({ max: 1, parallel: 2 })
    const answers = [ask(1), ask(2), ask(3)]
    await turn()
    expect(batches).toHaveLength(2)
    batches[0]!.end()
    await turn()
    batches[1]!.end()
    batches[2]!.end()
    expect(await Promise.all(answers)).toEqual([10, 20, 30])
  })

  it('rejects those of a batch that fails, and goes on', async () => {
    const { batches, ask } = makeHeld({ max: 10 })
    const failing = expect(ask(1)).rejects.toThrow('broken')
    await turn()
    const next = ask(2)
    batches[0]!.end(new Error('broken'))
    await failing
    await turn()
    batches[1]!.end()
    expect(await next).toBe(20)
  })
})
