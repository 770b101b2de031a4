import { describe, expect, it } from 'vitest'
import { jsonNode } from './node.ts'
import { elementsOf, membersOf, partOf, sliceAt } from './slice.ts'
import type { JsonText } from './text.ts'
import { checkedJsonText, jsonText, objectText, plainText } from './text.ts'

const text = (json: string): JsonText => checkedJsonText(json).text

describe('a part of JSON text is cut as it was written', () => {
  it.each([
    ['{"a":1234567890123456789}', '1234567890123456789'],
    ['{"a" : 1.10 , "b":2}', '1.10'],
    ['{ "b":2,"a":-0}', '-0'],
    ['{"a":1E400}', '1E400'],
    ['{"a":"\\u00e9\\/\\u0000\\ud800"}', '"\\u00e9\\/\\u0000\\ud800"'],
    ['\n{"a"\t:\r\n{ "2":1, "1": [ 1,2 ] , "__proto__":{} }\n}', '{ "2":1, "1": [ 1,2 ] , "__proto__":{} }'],
    ['{"b":"}]\\"{[,\\\\","a":[]}', '[]'],
    ['{"b":{"a":1},"a":{}}', '{}'],
    ['{"\\u0061":true}', 'true'],
    ['{"a":null}', 'null'],
  ])('%s', (json, expected) => expect(partOf(text(json), 'a')).toBe(expected))

  it('takes the last of equal keys, as JSON.parse does, however the key is written', () => {
    expect(partOf(text('{"a":1,"\\u0061":2,"a":3, "b":4}'), 'a')).toBe('3')
    expect(partOf(text('{"a":1,"\\u0061":2}'), 'a')).toBe('2')
  })
  it('finds nothing at a key or index that does not exist', () => {
    expect(partOf(text('{"a":1}'), 'b')).toBeUndefined()
    expect(partOf(text('[1]'), 1)).toBeUndefined()
    expect(partOf(text('"a"'), 'a')).toBeUndefined()
    expect(partOf(text('{}'), 'toString')).toBeUndefined()
    expect(partOf(text('{"0":1}'), 0)).toBeUndefined()
    expect(sliceAt(text('{"a":1}'), ['b', 'c'])).toBeUndefined()
  })
  it('follows a path through objects and arrays', () => {
    const value = text('{"outputs": [ [], [ {"n":1.0 , "n": 2.50} ] ]}')
    expect(sliceAt(value, ['outputs', 1, 0, 'n'])).toBe('2.50')
    expect(jsonNode(value).at('outputs')?.at(1)?.at(0)?.at('n')?.text).toBe('2.50')
    expect(jsonNode(value).at('outputs')?.at('1')).toBeUndefined()
  })
  it('lists members in the order written, equal keys included', () => {
    expect(membersOf(text('{"2":1, "1" :2,"2": 3}'))).toEqual([
      ['2', '1'],
      ['1', '2'],
      ['2', '3'],
    ])
    expect(membersOf(text('{ }'))).toEqual([])
    expect(membersOf(text('[1]'))).toEqual([])
    expect(elementsOf(text('[ 1, "a,b" ,[2],{"a":3} ]'))).toEqual(['1', '"a,b"', '[2]', '{"a":3}'])
    expect(elementsOf(text('[]'))).toEqual([])
  })
  it('says the same as JSON.parse for every part of any value', () => {
    let seed = 42
    const random = (n: number): number => ((seed = (seed * 1103515245 + 12345) % 2147483648), seed % n)
    const space = () => ['', ' ', '\n', '\t ', '\r\n'][random(5)]!
    const string = () =>
      JSON.stringify(
        Array.from(
          { length: random(60) },
          () => ['a', '"', '\\', '{', '}', '[', ']', ',', ':', 'é', '😀', '\n', '\u0000', '1'][random(14)]!,
        ).join(''),
      )
    const value = (depth: number): string => {
      const kind = random(depth > 4 ? 3 : 5)
      if (kind === 0) return ['1', '-0', '1.10', '1e3', '12345678901234567890', 'true', 'null'][random(7)]!
      if (kind < 3) return string()
      const items = Array.from({ length: random(5) }, () => value(depth + 1))
      if (kind === 3) return `[${space()}${items.join(`${space()},${space()}`)}${space()}]`
      return `{${space()}${items.map((item) => `${string()}${space()}:${space()}${item}`).join(`${space()},${space()}`)}${space()}}`
    }
    const check = (part: JsonText): void => {
      const whole: unknown = JSON.parse(part)
      if (typeof whole !== 'object' || whole === null) return
      const node = jsonNode(part)
      for (const key of Object.keys(whole)) {
        const found = partOf(part, Array.isArray(whole) ? Number(key) : key)!
        expect(JSON.parse(found)).toEqual(Reflect.get(whole, key))
        expect(found).toBe(found.trim())
        expect(node.at(Array.isArray(whole) ? Number(key) : key)?.text).toBe(found)
        check(found)
      }
    }
    for (let i = 0; i < 300; i++) check(text(space() + value(0) + space()))
  })
  it('scans an answer of many levels and elements once', () => {
    const long = `[${'[],'.repeat(1000)}0]`
    const items = Array.from({ length: 1000 }, (_, i) => `{"k${i}":{"a": ${i}.0 ,"a":${i}.50},"long":${long}}`)
    const node = jsonNode(text(`{"outputs":[${items.join(',')}],"${'x'.repeat(300)}":{"a":1}}`))
    for (const i of [0, 1, 500, 999]) {
      expect(node.at('outputs')?.at(i)?.at(`k${i}`)?.at('a')?.text).toBe(`${i}.50`)
      expect(node.at('outputs')?.at(i)?.at('long')?.text).toBe(long)
      expect(node.at('outputs')?.at(i)?.at('long')?.at(1000)?.text).toBe('0')
    }
    expect(node.at('outputs')?.at(1000)).toBeUndefined()
    expect(node.at('outputs')?.at('0')).toBeUndefined()
    expect(node.at(0)).toBeUndefined()
    const many = jsonNode(text(`{${Array.from({ length: 100 }, (_, i) => `"k${i % 50}":${i}`).join(',')}}`))
    expect([many.at('k0')?.text, many.at('k49')?.text, many.at('k50')]).toEqual(['50', '99', undefined])
  })
  it('takes no longer for a million brackets or backslashes than for as many letters of text', () => {
    const deep = text(`{"x":${'['.repeat(2_000)}${']'.repeat(2_000)},"a":1}`)
    expect(partOf(deep, 'a')).toBe('1')
    const slashes = text(`{"x":"${'\\\\'.repeat(500_000)}${'\\"'.repeat(500_000)}","a":1}`)
    expect(partOf(slashes, 'a')).toBe('1')
  })
})

describe('JSON text', () => {
  it('is joined to an object without touching its parts', () => {
    expect(
      objectText([
        ['a', text('1.10')],
        ['"', text('{ "b":1 }')],
      ]),
    ).toBe('{"a":1.10,"\\"":{ "b":1 }}')
  })
  it('is, for a server that takes only text, the characters of a string, or else the source text', () => {
    expect(plainText(text('"\\u00e9\\n"'))).toBe('é\n')
    expect(plainText(text(' { "n": 1.10 } '))).toBe('{ "n": 1.10 }')
  })
  it('cannot be made from what is not JSON', () => {
    expect(() => jsonText(undefined)).toThrow('not a JSON value')
    expect(() => checkedJsonText('{"a":}')).toThrow(SyntaxError)
  })
})
