import { afterAll, describe, expect, it } from 'vitest'
import { JsonError, makeJsonReader, MAX_VALUES, TooManyValues } from './reader.ts'
import { makeJsonThreads } from './threads.ts'

const threads = makeJsonThreads()
afterAll(() => threads.close())
const { read, list } = makeJsonReader(threads)
const parse = async (text: string) => (await read(Buffer.from(text))).value

describe('JSON of a stranger', () => {
  it('reads JSON, a byte order mark before it too', async () => {
    expect(await parse('\ufeff{"a":["\\u00e1","\\"]["]}')).toEqual({ a: ['á', '"]['] })
  })
  it('counts only brackets outside of strings', async () => {
    expect(await parse(JSON.stringify('['.repeat(500) + '\\"'))).toBe('['.repeat(500) + '\\"')
    expect(await parse('['.repeat(100) + ']'.repeat(100))).toBeDefined()
  })
  it('finds the end of any string', async () => {
    const deep = '['.repeat(101)
    for (const length of [0, 1, 46, 47, 48, 49, 50, 97, 1000]) {
      for (const end of ['', '"', '\\', '\\"', '"\\', '\\\\"', '""""', `"${'x'.repeat(60)}"`]) {
        const text = 'x'.repeat(length) + end
        expect(await parse(JSON.stringify([text, deep, text, { [text + deep]: text }]))).toEqual([
          text,
          deep,
          text,
          { [text + deep]: text },
        ])
        await expect(parse(`[${JSON.stringify(text)},${deep}${']'.repeat(102)}`)).rejects.toThrow('nested deeper')
      }
    }
  })
  it.each([
    ['deeper than 100 levels', Buffer.from('['.repeat(101) + ']'.repeat(101)), 'is JSON nested deeper than 100 levels'],
    ['millions of levels deep', Buffer.alloc(5_000_000, '{"a":'), 'is JSON nested deeper than 100 levels'],
    ['cut off', Buffer.from('{"a": '), 'is not valid JSON'],
    ['empty', Buffer.alloc(0), 'is not valid JSON'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), 'is not valid UTF-8'],
  ])('refuses what is %s, without quoting it', (_, bytes, message) =>
    expect(read(bytes)).rejects.toThrow(new JsonError(message)),
  )
  it('keeps a __proto__ key as data', async () => {
    const parsed = await parse('{"__proto__":{"polluted":true}}')
    expect(Object.keys(parsed as object)).toEqual(['__proto__'])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})

/** JSON that is checked in a thread and parsed in pieces. */
const large = (value: unknown): string => JSON.stringify({ filling: 'x'.repeat(1024 * 1024), value })
const many = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ at, name: `n${at}`, list: [at, [at]], empty: {} }))

describe('large JSON of a stranger', () => {
  it.each<[string, unknown]>([
    ['a long text', 'y'.repeat(100_000)],
    ['letters of more than a byte', 'á\u{1F600}"\\\\'.repeat(30_000)],
    ['many elements', many(20_000)],
    ['many members', Object.fromEntries(many(20_000).map((one) => [`k"${one.at}`, one]))],
    [
      'long and short beside each other',
      [1, many(3_000), 2, 'a,]b', { a: many(3_000), 'b,': 3, c: { d: many(3_000) } }, [], many(3_000), many(3_000), {}],
    ],
    ['the deepest that is taken', JSON.parse('['.repeat(98) + '1' + ']'.repeat(98))],
  ])('%s is what JSON.parse gives, and keeps its own text', async (_, value) => {
    const text = large(value)
    const found = await read(Buffer.from(text))
    expect(found.text).toBe(text)
    expect(JSON.stringify(found.value)).toBe(text)
  })
  it('may be written with any space, and with keys that are numbers, doubled or __proto__', async () => {
    const members = many(15_000)
      .map(({ at }) => `"${at % 900}" :\n { "__proto__" : [ ${at} , ${at} ] } `)
      .join(' , ')
    const text = `\n { "a" : { ${members} , "__proto__" : { "polluted" : true } } , "b":[ ] } \n`
    const { value } = await read(Buffer.from(text))
    expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)))
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
  it.each([
    ['not JSON', `${large(many(20_000))},`, 'is not valid JSON'],
    ['not JSON in the middle', large(many(20_000)).replace('"n7"', 'n7'), 'is not valid JSON'],
    ['too deep', large(JSON.parse('['.repeat(100) + ']'.repeat(100))), 'is JSON nested deeper than 100 levels'],
  ])('that is %s is refused', async (_, text, message) => {
    await expect(read(Buffer.from(text))).rejects.toThrow(new JsonError(message))
  })
  it('that is not UTF-8 is refused', async () => {
    await expect(read(Buffer.concat([Buffer.from(large('')), Buffer.from([0xff])]))).rejects.toThrow(
      new JsonError('is not valid UTF-8'),
    )
  })
  it.each([
    ['[],', 'arrays'],
    ['{},', 'objects'],
    ['{"a":{}},', 'objects in objects'],
    ['1,', 'numbers'],
    ['"",', 'texts'],
    ['"a":1,', 'no JSON at all'],
  ])('of more values than we take is refused: %s', async (unit) => {
    await expect(read(Buffer.from(`[${unit.repeat(MAX_VALUES)}0]`))).rejects.toThrow(new TooManyValues(MAX_VALUES))
  })
  it('is looked at many at a time', async () => {
    const texts = Array.from({ length: 20 }, (_, at) => large({ at, list: many(1_000) }))
    const found = await Promise.all(texts.map((text) => read(Buffer.from(text))))
    expect(found.map(({ text }) => text)).toEqual(texts)
  })
})

describe('a list of a stranger', () => {
  it.each([10, 50_000])('of %i is picked element by element', async (count) => {
    const names = await list(Buffer.from(JSON.stringify(many(count))), (item) =>
      (item as { at: number }).at % 2 === 0 ? (item as { name: string }).name : null,
    )
    expect(names).toHaveLength(count / 2)
    expect(names?.at(-1)).toBe(`n${count - 2}`)
  })
  it.each([
    ['small', '{"a":[]}'],
    ['large', large([1])],
  ])('is none when it is a %s object', async (_, text) => {
    expect(await list(Buffer.from(text), (item) => item)).toBeNull()
  })
})

describe('a secret in JSON', () => {
  const hiding = makeJsonReader(threads, ['sk-canary', '123456'])
  it.each([
    ['small', (text: string) => text],
    ['large', (text: string) => text.replace('{', `{"filling":"${'x'.repeat(1024 * 1024)}",`)],
  ])('is hidden in %s text', async (_, sized) => {
    const { value, text } = await hiding.read(Buffer.from(sized('{"sk-canary":["a sk-canary b",1.50]}')))
    expect(value).toMatchObject({ '[hidden]': ['a [hidden] b', 1.5] })
    expect(text).toContain('"[hidden]":["a [hidden] b",1.50]}')
  })
  it('is hidden where it is a number', async () => {
    expect((await hiding.read(Buffer.from('{"a":[1234567,2,"x123456"]}'))).value).toEqual({
      a: ['[hidden]', 2, 'x[hidden]'],
    })
  })
})
