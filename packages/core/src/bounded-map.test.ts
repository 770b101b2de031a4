import { describe, expect, it, vi } from 'vitest'
import { makeBoundedMap } from './bounded-map.ts'

describe('a bounded map', () => {
  it('drops the oldest entry when there are too many', () => {
    const map = makeBoundedMap<string, number>(2)
    map.set('a', 1)
    map.set('b', 2)
    map.set('c', 3)
    expect([...map.entries()]).toEqual([
      ['b', 2],
      ['c', 3],
    ])
  })

  it('keeps the age of an entry that is set again', () => {
    const map = makeBoundedMap<string, number>(2)
    map.set('a', 1)
    map.set('b', 2)
    map.set('a', 10)
    map.set('c', 3)
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([undefined, 2, 3])
  })

  it('makes a value once, also when that is undefined', () => {
    const map = makeBoundedMap<string, number | undefined>(2)
    const make = vi.fn(() => undefined)
    map.getOrMake('a', make)
    map.getOrMake('a', make)
    expect(make).toHaveBeenCalledTimes(1)
    expect(map.has('a')).toBe(true)
    expect(map.delete('a')).toBe(true)
    expect(map.has('a')).toBe(false)
  })

  it('keeps nothing when making throws', () => {
    const map = makeBoundedMap<string, number>(2)
    const fail = (): number => {
      throw new Error('not this time')
    }
    expect(() => map.getOrMake('a', fail)).toThrow('not this time')
    expect(map.getOrMake('a', () => 1)).toBe(1)
  })

  it('stays within its bound however many entries come', () => {
    const map = makeBoundedMap<number, number>(100)
    for (let i = 0; i < 10_000; i++) map.getOrMake(i, () => i)
    expect([...map.entries()].map(([key]) => key)).toEqual(Array.from({ length: 100 }, (_, i) => 9_900 + i))
  })
})
