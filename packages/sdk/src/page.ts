import { dataOf, type RequestOptions, type Send } from './request.ts'

export type Page<T> = {
  items: T[]
  total: number
  limit: number
  offset: number
  has_more: boolean
  next_cursor: string | null
}

/**
 * Await it for the first page, or iterate over it for every item of every page. It sends no request before that.
 *
 * @example
 * const { items, total } = await spark.tasks.list({ limit: 10 })
 * for await (const task of spark.tasks.list({ status: 'failed' })) console.log(task.id)
 */
export type List<T> = Pick<Promise<Page<T>>, 'then' | 'catch' | 'finally'> & AsyncIterable<T>

type Query = Record<string, string | number | boolean | undefined>

/**
 * Makes a list that requests its pages lazily: a promise that starts at once and fails before anybody awaits it would end a Node
 * process.
 */
export const makeList = <T>(
  send: Send,
  path: readonly string[],
  query: Query = {},
  options: RequestOptions = {},
): List<T> => {
  const fetchPage = (more: Query): Promise<Page<T>> =>
    dataOf(send<Page<T>>({ method: 'get', path, query: more, ...options }))
  let firstPage: Promise<Page<T>> | undefined
  const first = (): Promise<Page<T>> => (firstPage ??= fetchPage(query))

  async function* items(): AsyncGenerator<T, void, undefined> {
    const { offset: _, ...rest } = query // the API refuses an offset beside a cursor
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
