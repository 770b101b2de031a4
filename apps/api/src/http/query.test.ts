import { DomainError } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import { parseQuery } from './query.ts'

describe('parseQuery', () => {
  it.each([
    ['/x', {}],
    ['/x?', {}],
    ['/x?a=1&b=two+words%21', { a: '1', b: 'two words!' }],
    ['/x?a', { a: '' }],
    ['/x?a=1?b=2', { a: '1?b=2' }],
    ['/x?a[b]=1&c[]=2', { 'a[b]': '1', 'c[]': '2' }],
    ['/x?a=%zz', { a: '%zz' }],
  ])('%s', (url, expected) => {
    expect(parseQuery(url)).toEqual(expected)
  })

  it('makes __proto__ a name like any other', () => {
    const query = parseQuery('/x?__proto__=1&constructor=2')
    expect(Object.keys(query)).toEqual(['__proto__', 'constructor'])
    expect(({} as Record<string, unknown>).constructor).toBe(Object)
  })

  it('refuses a name that stands twice, however it is written', () => {
    expect(() => parseQuery('/x?limit=1&%6cimit=2')).toThrow(DomainError)
    expect(() => parseQuery('/x?limit=1&limit=1')).toThrow('"limit": is given twice')
  })
})
