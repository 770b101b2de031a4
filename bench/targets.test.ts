import { describe, expect, it } from 'vitest'
import { atMost, targetsTable } from './targets.ts'

describe('atMost', () => {
  it.each([
    [99, true],
    [100, true],
    [100.4, false],
    [Number.NaN, false],
  ])('of 100, %d is reached: %s', (measured, reached) => {
    expect(atMost('first start', measured, 100, ' ms').reached).toBe(reached)
  })
  it('prints the figures with their unit', () => {
    expect(
      targetsTable([atMost('first start', 123.4, 100, ' ms')])
        .split('\n')
        .at(-1),
    ).toBe('first start  ≤ 100 ms    123 ms       no')
  })
})
