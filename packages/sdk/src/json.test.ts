import { describe, expect, it } from 'vitest'
import { parseJson, RawJson, stringifyJson } from './json.ts'

describe('an answer', () => {
  it.each<[string, unknown]>([
    ['1234567890123456789', 1234567890123456789n],
    ['-9007199254740993', -9007199254740993n],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['9007199254740993', 9007199254740993n],
    ['12345678901234567000', 12345678901234567000n],
    ['1E400', new RawJson('1E400')],
    ['1e-400', new RawJson('1e-400')],
    ['12345678901234567890.10', new RawJson('12345678901234567890.10')],
    ['0.10000000000000000555', new RawJson('0.10000000000000000555')],
    ['0.1', 0.1],
    ['1.10', 1.1],
    ['0.30000000000000004', 0.30000000000000004],
    ['100000000000000000000.0', 100000000000000000000],
    ['1e21', 1e21],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    ['5e-324', 5e-324],
    ['0.0000000000000000000000', 0],
    ['0e999', 0],
  ])('has %s as %s', (text, value) => {
    expect(parseJson(text)).toEqual(value)
    expect(parseJson(`{"a":[ ${text} ,1]}`)).toEqual({ a: [value, 1] })
  })
  it('leaves long digits in texts and keys alone', () => {
    const text = '{"1234567890123456789":"\\"1234567890123456789","a":[12345678901234567890,"1E400"]}'
    expect(parseJson(text)).toEqual({
      '1234567890123456789': '"1234567890123456789',
      a: [12345678901234567890n, '1E400'],
    })
  })
  it('keeps a key like __proto__ as data', () => {
    const value = parseJson('{"__proto__":{"n":12345678901234567890}}') as object
    expect(Object.keys(value)).toEqual(['__proto__'])
    expect(({} as { n?: unknown }).n).toBeUndefined()
  })
  it('that is not JSON throws like JSON.parse', () =>
    expect(() => parseJson('{"a":12345678901234567890,}')).toThrow(SyntaxError))
  it('gives each number of any text as JavaScript holds it, or as it was written', () => {
    let seed = 7
    const random = (n: number): number => ((seed = (seed * 1103515245 + 12345) % 2147483648), seed % n)
    const digits = (most: number) =>
      String(random(9) + 1) + Array.from({ length: random(most) }, () => random(10)).join('')
    for (let i = 0; i < 2000; i++) {
      const text = `${random(2) ? '-' : ''}${random(4) ? digits(22) : '0'}${random(2) ? `.${digits(22)}` : ''}${random(3) ? '' : `e${random(2) ? '-' : ''}${random(420)}`}`
      const value = parseJson(text)
      if (value instanceof RawJson) expect(value.raw).toBe(text)
      else if (typeof value === 'bigint') expect(value).toBe(BigInt(text))
      else expect(value).toBe(Number(text))
      if (typeof value !== 'number') expect(stringifyJson(value)).toBe(text)
    }
  })
})

describe('a body', () => {
  it('has every digit of a bigint, and RawJson as it was written', () => {
    const raw = new RawJson(' { "2":1.10, "1":1E400 } ')
    expect(stringifyJson({ id: 1234567890123456789n, list: [raw, -1n], text: '1n' })).toBe(
      '{"id":1234567890123456789,"list":[{ "2":1.10, "1":1E400 },-1],"text":"1n"}',
    )
  })
  it('has an object of the user as it is, whatever its keys are called', () =>
    expect(stringifyJson({ raw: '1', a: { raw: '1E400' } })).toBe('{"raw":"1","a":{"raw":"1E400"}}'))
  it('is unchanged when an answer is sent back', () => {
    const text = '{"a":1234567890123456789,"b":[1E400,0.10000000000000000555]}'
    expect(stringifyJson(parseJson(text))).toBe(text)
  })
  it('refuses text that is not JSON', () => expect(() => new RawJson('{"a":}')).toThrow(SyntaxError))
})
