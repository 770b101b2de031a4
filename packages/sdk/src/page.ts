import { dataOf, type RequestOptions, type Send } from './request.ts'

export type Page<T> = { items: T[]; total: number; limit: number; offset: number; has_more: boolean; next_cursor: string | null }

/** Await it for the first page; iterate over it for every item of every page. */
export type List<T> = Promise<Page<T>> & AsyncIterable<T>

type Query = Record<string, string | number | boolean | undefined>

/** A list of the API. The first page is asked for at once, the others as the iteration gets there. */
export const makeList = <T>(send: Send, path: readonly string[], query: Query = {}, options: RequestOptions = {}): List<T> => {
  const fetchPage = (more: Query): Promise<Page<T>> => dataOf(send<Page<T>>({ method: 'get', path, query: more, ...options }))
  const first = fetchPage(query)

  async function* items(): AsyncGenerator<T, void, undefined> {
    const { offset: _, ...rest } = query // a cursor says where to go on; the two exclude each other
    let page = await first
    for (;;) {
      yield* page.items
      const cursor = page.next_cursor
      if (cursor === null || cursor === undefined) return
      page = await fetchPage({ ...rest, cursor })
    }
  }
  return Object.assign(first, { [Symbol.asyncIterator]: items })
}
