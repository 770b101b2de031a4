import { expect, it } from 'vitest'
import { makeList, type Page } from './page.ts'
import type { Call, Send } from './request.ts'

/** Three pages, by cursor. */
const pages: Record<string, Partial<Page<string>>> = {
  '': { items: ['a', 'b'], next_cursor: 'p2' },
  p2: { items: [], next_cursor: 'p3' },
  p3: { items: ['c'], next_cursor: null },
}
const makeServer = () => {
  const asked: Call[] = []
  const send: Send = async <T>(call: Call) => {
    asked.push(call)
    return { data: pages[String(call.query?.cursor ?? '')] as T, status: 200, headers: new Headers() }
  }
  return { send, asked }
}
const all = async <T>(list: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

it('is the first page when awaited, and requests no other', async () => {
  const { send, asked } = makeServer()
  expect(await makeList<string>(send, ['x'])).toEqual(pages[''])
  expect(asked).toHaveLength(1)
})

it('sends nothing before it is awaited or iterated, and requests each page once', async () => {
  const { send, asked } = makeServer()
  const list = makeList<string>(send, ['x'])
  expect(asked).toEqual([])
  expect(await Promise.all([list, list, list.finally(() => undefined), list.catch(() => null)])).toEqual(
    Array(4).fill(pages['']),
  )
  expect(await all(list)).toEqual(['a', 'b', 'c'])
  expect(asked).toHaveLength(3)
})

it('rejects for everybody who awaits or iterates it', async () => {
  const list = makeList<string>(() => Promise.reject(new Error('gone')), ['x'])
  await expect(list).rejects.toThrow('gone')
  expect(await list.catch((error: Error) => error.message)).toBe('gone')
  await expect(all(list)).rejects.toThrow('gone')
})

it('iterates over every item of every page, including an empty one in between', async () => {
  const { send, asked } = makeServer()
  expect(await all(makeList<string>(send, ['x']))).toEqual(['a', 'b', 'c'])
  expect(asked).toHaveLength(3)
})

it('continues by cursor with the same filters and without the offset', async () => {
  const { send, asked } = makeServer()
  await all(makeList<string>(send, ['x'], { status: 'failed', limit: 2, offset: 4 }))
  expect(asked.map(({ query }) => query)).toEqual([
    { status: 'failed', limit: 2, offset: 4 },
    { status: 'failed', limit: 2, cursor: 'p2' },
    { status: 'failed', limit: 2, cursor: 'p3' },
  ])
})

it('requests no more pages when the iteration stops', async () => {
  const { send, asked } = makeServer()
  for await (const item of makeList<string>(send, ['x'])) if (item === 'b') break
  expect(asked).toHaveLength(1)
})

it('rejects when a later page fails, after the items before it', async () => {
  const seen: string[] = []
  const send: Send = async <T>(call: Call) => {
    if (call.query?.cursor) throw new Error('gone')
    return { data: pages[''] as T, status: 200, headers: new Headers() }
  }
  await expect(async () => {
    for await (const item of makeList<string>(send, ['x'])) seen.push(item)
  }).rejects.toThrow('gone')
  expect(seen).toEqual(['a', 'b'])
})
