import { describe, expect, it } from 'vitest'
import { manyLines, oneLine } from './plain-text.ts'

describe('oneLine', () => {
  it.each([
    ['Error:  \n\n\trig failed ', 'Error: rig failed'],
    ['a\u0000b\u001b[31mc\u0085d\u2028e', 'a b [31mc d e'],
    ['right\u202eleft\u2066', 'rightleft'],
    ['half \ud83d', 'half'],
    ['🚀', '🚀'],
  ])('%j becomes %j', (given, line) => expect(oneLine(given)).toBe(line))
  it('is cut, and says so', () => {
    expect(oneLine('x'.repeat(5000))).toHaveLength(2000)
    expect(oneLine('ab🚀cd', 4)).toBe('ab…')
    expect(oneLine('abcd', 4)).toBe('abcd')
  })
})

describe('manyLines', () => {
  it('keeps lines and tabs', () => expect(manyLines('a\n\tb\u0000\u0007', 100)).toBe('a\n\tb'))
  it('cuts no character in two', () => expect(manyLines('ab🚀', 3)).toBe('ab'))
})
