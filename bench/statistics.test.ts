import { describe, expect, it } from 'vitest'
import { percentile, rounded, roundedAll, spreadOf } from './statistics.ts'

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1)
  it.each([
    [hundred, 50, 50],
    [hundred, 99, 99],
    [hundred, 100, 100],
    [hundred, 0, 1],
    [[7], 50, 7],
    [[7], 99, 7],
    [[1, 9], 50, 1],
    [[1, 9], 51, 9],
  ])('of %j at %d %% is one of the values', (sorted, percent, expected) => {
    expect(percentile(sorted, percent)).toBe(expected)
  })
  it('of no values is NaN', () => {
    expect(percentile([], 50)).toBeNaN()
  })
})

describe('spreadOf', () => {
  it('sorts by value and does not change its input', () => {
    const times = [100, 9, 20]
    expect(spreadOf(times)).toEqual({ p50_ms: 20, p99_ms: 100, max_ms: 100 })
    expect(times).toEqual([100, 9, 20])
  })
})

describe('rounded', () => {
  it.each([
    [0.123456, 0.123],
    [12.3456, 12.3],
    [123.456, 123],
    [1234.5, 1235],
    [-0.0123456, -0.0123],
    [0, 0],
  ])('%d is %d', (value, expected) => {
    expect(rounded(value)).toBe(expected)
  })
  it('rounds every number of a result and nothing else', () => {
    expect(roundedAll({ at: 'x', rows: [{ ratio: 1.23456, missing: Number.NaN, none: null }], fine: true })).toEqual({
      at: 'x',
      rows: [{ ratio: 1.23, missing: null, none: null }],
      fine: true,
    })
  })
})
