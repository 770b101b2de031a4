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
import { expected, withEtag } from '../http/etag.ts'
import { handle } from '../http/handle.ts'

export const sourceRoutes = ({ sources }: Pick<ApiEngine, 'sources'>) => [
  handle(createSource, async ({ body }) => {
    const source = await sources.create(body)
    return withEtag(source, { Location: `/api/v1/sources/${source.id}` })
  }),
  handle(listSources, ({ query }) => sources.list(query)),
  handle(getSource, async ({ params }) => withEtag(await sources.get(params.id))),
  handle(updateSource, async (call) => withEtag(await sources.update(call.params.id, call.body, expected(call)))),
  handle(replaceSource, async (call) => withEtag(await sources.update(call.params.id, call.body, expected(call)))),
  handle(validateSource, async ({ params }) => withEtag(await sources.validate(params.id))),
  handle(deleteSource, async (call) => {
    await sources.remove(call.params.id, expected(call))
    return { message: 'Source deleted successfully' }
  }),
]
