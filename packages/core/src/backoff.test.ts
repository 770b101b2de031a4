import { expect, it } from 'vitest'
import { makeBackoff } from './backoff.ts'

it('doubles up to its last wait, and begins again after a success', () => {
  const backoff = makeBackoff({ firstMs: 100, lastMs: 500 })
  expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([100, 200, 400, 500, 500])
  backoff.reset()
  expect(backoff.next()).toBe(100)
})
