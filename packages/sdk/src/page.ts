import { dataOf, type RequestOptions, type Send } from './request.ts'

export type Page<T> = {
  items: T[]
  total: number
  limit: number
  offset: number
  has_more: boolean
  next_cursor: string | null
}

/** Await it for the first page; iterate over it for every item of every page. Nothing is asked before one of both. */
export type List<T> = Pick<Promise<Page<T>>, 'then' | 'catch' | 'finally'> & AsyncIterable<T>

type Query = Record<string, string | number | boolean | undefined>

/**
 * A list of the API. A page is asked for when somebody wants it: a promise that was begun at once and fails before anybody looks at it
 * would end a Node process.
 */
export const makeList = <T>(
  send: Send,
  path: readonly string[],
  query: Query = {},
  options: RequestOptions = {},
): List<T> => {
  const fetchPage = (more: Query): Promise<Page<T>> =>
    dataOf(send<Page<T>>({ method: 'get', path, query: more, ...options }))
  let asked: Promise<Page<T>> | undefined
  const first = (): Promise<Page<T>> => (asked ??= fetchPage(query))

  async function* items(): AsyncGenerator<T, void, undefined> {
    const { offset: _, ...rest } = query // a cursor says where to go on; the two exclude each other
    let page = await first()
    for (;;) {
      yield* page.items
      const cursor = page.next_cursor
      if (cursor === null || cursor === undefined) return
      page = await fetchPage({ ...rest, cursor })
    }
  }
  return {
    then: (onPage, onError) => first().then(onPage, onError),
    catch: (onError) => first().catch(onError),
    finally: (onEnd) => first().finally(onEnd),
    [Symbol.asyncIterator]: items,
  }
}
