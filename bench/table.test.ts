import { describe, expect, it } from 'vitest'
import { figure, table } from './table.ts'

describe('table', () => {
  it('aligns names to the left and figures to the right, as wide as the widest cell', () => {
    expect(table(['at once', 'x'], [['1', '1000'], ['64']])).toBe(
      ['at once     x', '-------  ----', '1        1000', '64'].join('\n'),
    )
  })
  it('without rows is only the head', () => {
    expect(table(['a', 'b'], [])).toBe('a  b\n-  -')
  })
})

describe('figure', () => {
  it.each([
    [1.2345, '1.23'],
    [0.5, '0.5'],
    [null, '–'],
    [Number.NaN, '–'],
    [Infinity, '–'],
  ])('%s is shown as %s', (value, expected) => {
    expect(figure(value)).toBe(expected)
  })
})
