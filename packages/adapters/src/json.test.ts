import { describe, expect, it } from 'vitest'
import { JsonError, parseJson } from './json.ts'

const parse = (text: string) => parseJson(Buffer.from(text)).value

describe('parseJson', () => {
  it('reads JSON, a byte order mark before it too', () => {
    expect(parse('\ufeff{"a":["\\u00e1","\\"]["]}')).toEqual({ a: ['á', '"]['] })
  })
  it('counts only brackets outside of strings', () => {
    expect(parse(JSON.stringify('['.repeat(500) + '\\"'))).toBe('['.repeat(500) + '\\"')
    expect(parse('['.repeat(100) + ']'.repeat(100))).toBeDefined()
  })
  it('finds the end of any string', () => {
    const deep = '['.repeat(101)
    for (const length of [0, 1, 46, 47, 48, 49, 50, 97, 1000]) {
      for (const end of ['', '"', '\\', '\\"', '"\\', '\\\\"', '""""', `"${'x'.repeat(60)}"`]) {
        const text = 'x'.repeat(length) + end
        expect(parse(JSON.stringify([text, deep, text, { [text + deep]: text }]))).toEqual([text, deep, text, { [text + deep]: text }])
        expect(() => parse(`[${JSON.stringify(text)},${deep}${']'.repeat(102)}`)).toThrow('nested deeper')
      }
    }
  })
  it.each([
    ['deeper than 100 levels', Buffer.from('['.repeat(101) + ']'.repeat(101)), 'is JSON nested deeper than 100 levels'],
    ['millions of levels deep', Buffer.alloc(5_000_000, '{"a":'), 'is JSON nested deeper than 100 levels'],
    ['cut off', Buffer.from('{"a": '), 'is not valid JSON'],
    ['empty', Buffer.alloc(0), 'is not valid JSON'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), 'is not valid UTF-8'],
  ])('refuses what is %s, without quoting it', (_, bytes, message) => expect(() => parseJson(bytes)).toThrow(new JsonError(message)))
  it('keeps a __proto__ key as data', () => {
    const parsed = parse('{"__proto__":{"polluted":true}}')
    expect(Object.keys(parsed as object)).toEqual(['__proto__'])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})
