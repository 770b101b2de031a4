import {
  createSource,
  deleteSource,
  getSource,
  listSources,
  replaceSource,
  updateSource,
  validateSource,
} from '@automagik-spark/core'
import type { ApiEngine } from '../engine-port.ts'
import { handle, reply } from '../http/handle.ts'

export const sourceRoutes = ({ sources }: Pick<ApiEngine, 'sources'>) => [
  handle(createSource, async ({ body }) => {
    const source = await sources.create(body)
    return reply(source, { headers: { Location: `/api/v1/sources/${source.id}` } })
  }),
  handle(listSources, ({ query }) => sources.list(query)),
  handle(getSource, ({ params }) => sources.get(params.id)),
  handle(updateSource, ({ params, body }) => sources.update(params.id, body)),
  handle(replaceSource, ({ params, body }) => sources.update(params.id, body)),
  handle(validateSource, ({ params }) => sources.validate(params.id)),
  handle(deleteSource, async ({ params }) => {
    await sources.remove(params.id)
    return { message: 'Source deleted successfully' }
  }),
]
