import { describe, expect, it } from 'vitest'
import { firstFault, parseJson } from './json.ts'

const messageOf = (text: string): string => {
  try {
    parseJson(text)
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

describe('parseJson', () => {
  it.each(['"text"', '1', 'null', '[]', '{}', ' {"a": [1, {"b": "]}"}]}\n', '"\\"[[["', '-0.5e+10'])(
    'reads %s',
    (text) => {
      expect(parseJson(text)).toEqual({ value: JSON.parse(text), text: text.trim() })
    },
  )

  it.each([
    ['{', 'it ends too early'],
    ['"abc', 'it ends too early'],
    ['[1, 2', 'it ends too early'],
    ['{"a": 1,}', 'unexpected "}" at line 1, column 9'],
    ['{"a" 1}', 'unexpected "1" at line 1, column 6'],
    ['{a: 1}', 'unexpected "a" at line 1, column 2'],
    ['{"a": nul}', 'unexpected "n" at line 1, column 7'],
    ['[1,,2]', 'unexpected "," at line 1, column 4'],
    ['{\n  "a": 1\n  "b": 2\n}', 'unexpected "\\"" at line 3, column 3'],
    ['"a\nb"', 'unexpected "\\n" at line 1, column 3'],
    ['"\\x"', 'unexpected "\\\\" at line 1, column 2'],
    ['01', 'unexpected "1" at line 1, column 2'],
    ['1 2', 'unexpected "2" at line 1, column 3'],
    ["{'a': 1}", 'unexpected "\'" at line 1, column 2'],
    ['😀', 'unexpected "😀" at line 1, column 1'],
    ['undefined', 'unexpected "u" at line 1, column 1'],
  ])('says where %j goes wrong', (text, where) => {
    expect(messageOf(text)).toBe(`The body is not valid JSON: ${where}`)
  })

  it('never repeats more of the body than one character', () => {
    expect(messageOf('{"api_key": "sk-secret" oops}')).toBe(
      'The body is not valid JSON: unexpected "o" at line 1, column 25',
    )
  })

  it('reads 64 levels and refuses 65, whatever brackets stand in texts', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    expect(messageOf(nested(64))).toBe('no error')
    expect(messageOf(nested(65))).toBe('The body is nested deeper than 64 levels')
    expect(messageOf(JSON.stringify('['.repeat(1000)))).toBe('no error')
    expect(messageOf(JSON.stringify('\\"'.repeat(1000) + '['.repeat(1000)))).toBe('no error')
  })
})

describe('firstFault', () => {
  it('finds a fault exactly where JSON.parse finds one', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"\\u00e9"',
      '"\\u00"',
      '1',
      '-',
      '0.5',
      '1e',
      'true',
      'nul',
      ' ',
      '\n',
      '"',
    ]
    // A fixed sequence of picks: every run looks at the same texts.
    let seed = 1
    const pick = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below
    for (let i = 0; i < 20_000; i++) {
      const text = Array.from({ length: 1 + pick(8) }, () => pieces[pick(pieces.length)]).join('')
      let valid = true
      try {
        JSON.parse(text)
      } catch {
        valid = false
      }
      const fault = firstFault(text)
      if (valid) expect([text, fault]).toEqual([text, text.length])
      // What stands before a fault could go on to be JSON: a shorter text has no fault before its end.
      else expect([text, firstFault(text.slice(0, fault))]).toEqual([text, fault])
    }
  })
})

describe('a body of more than any field may hold', () => {
  it.each([
    ['[],', 30_000],
    ['{},', 30_000],
    ['1,', 60_000],
    ['"a":1,', 60_000],
    ['[[]],', 20_000],
    ['x,', 60_000],
  ])('is refused before it is parsed: %j', (unit, times) => {
    expect(messageOf(`[${unit.repeat(times)}0]`)).toBe('The body holds more than 50000 values')
  })
  it('is one whose values lie in a text', () => {
    expect(messageOf(JSON.stringify('[],'.repeat(100_000)))).toBe('no error')
  })
})
