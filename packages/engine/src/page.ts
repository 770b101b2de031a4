import type { Page, PageQuery } from '@automagik-spark/core'
import { invalid } from '@automagik-spark/core'
import type { PageArgs, RowPage } from '@automagik-spark/db'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The database's arguments for one page. A cursor is the sort key of the last row, in base64url. */
export const pageArgs = (
  { limit, offset, cursor }: PageQuery,
  isPlace: (text: string) => boolean = (text) => UUID.test(text),
): PageArgs => {
  if (cursor === undefined) return { limit, offset, after: null }
  const after = decode(cursor)
  if (!isPlace(after))
    throw invalid('cursor', 'is not one that Spark gave; take next_cursor of the page before, or leave it out')
  if (offset > 0) throw invalid('offset', 'cannot be combined with cursor; leave one of them out')
  return { limit, offset, after }
}

/** @param place the sort key of a row, which becomes the cursor */
export const toPage = <Row, Item>(
  page: RowPage<Row>,
  query: PageQuery,
  toItem: (row: Row) => Item,
  place: (row: Row) => string,
): Page<Item> => {
  const last = page.rows.at(-1)
  return {
    items: page.rows.map(toItem),
    total: page.total,
    limit: query.limit,
    offset: query.offset,
    has_more: page.has_more,
    next_cursor: page.has_more && last ? Buffer.from(place(last)).toString('base64url') : null,
  }
}

const decode = (cursor: string) => Buffer.from(cursor, 'base64url').toString()
