import { describe, expect, it } from 'vitest'
import { textProblem, valueProblem } from './stored-value.ts'

const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])

describe('textProblem', () => {
  it.each(['', 'Hello', 'é😀', '\u0001\u001f', '\ufffd', '\u2028', 'x'.repeat(100_000)])(
    'has nothing against %j',
    (text) => {
      expect(textProblem(text)).toBeNull()
    },
  )
  it.each([
    ['\u0000', 'must not contain the NUL character'],
    ['a\u0000b', 'must not contain the NUL character'],
    ['\ud83d', 'must be well-formed Unicode (it has half of a surrogate pair)'],
    ['a\ude00b', 'must be well-formed Unicode (it has half of a surrogate pair)'],
  ])('refuses %j, which PostgreSQL would', (text, problem) => {
    expect(textProblem(text)).toBe(problem)
  })
})

describe('valueProblem', () => {
  it.each([null, true, 0, 'x', [], {}, { a: [1, { b: null }] }, [[[]]]])('has nothing against %j', (value) => {
    expect(valueProblem(value)).toBeNull()
  })
  it('takes 32 levels and no more', () => {
    expect(valueProblem(nested(32))).toBeNull()
    expect(valueProblem(nested(33))).toBe('must not be nested deeper than 32 levels')
  })
  it('does not overflow the stack at 100,000 levels', () => {
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = [deep]
    expect(valueProblem(deep)).toBe('must not be nested deeper than 32 levels')
  })
  it('takes 10,000 keys and elements in all and no more', () => {
    expect(valueProblem(Array(10_000).fill(0))).toBeNull()
    expect(valueProblem(Array(10_001).fill(0))).toBe('must not have more than 10000 keys and elements')
    expect(
      valueProblem([Array(5000).fill(0), Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 0]))]),
    ).toBe('must not have more than 10000 keys and elements')
  })
  it.each([[{ 'a\u0000': 1 }], [{ a: ['\u0000'] }], [{ '\ud800': 1 }]])(
    'takes %j, whose characters stand as escapes in its text',
    (value) => {
      expect(valueProblem(value)).toBeNull()
    },
  )
  it('counts __proto__ as an ordinary key', () => {
    expect(valueProblem({ a: JSON.parse(`{"__proto__": ${'['.repeat(32)}${']'.repeat(32)}}`) })).toBe(
      'must not be nested deeper than 32 levels',
    )
  })
})
