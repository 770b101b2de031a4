import { z } from 'zod'
import { listWords } from '../list-words.ts'
import { IdParams, oneOf, page, pageOf, Text, Timestamp, Uuid } from './common.ts'
import { endpoint, etag, ifMatch, location } from './endpoint.ts'

/** The kinds of flow servers that this version can talk to; what is known of each stands in adapters. */
const SOURCE_TYPES = ['langflow', 'automagik-agents', 'automagik-hive'] as const
export const SourceType = z
  .enum(SOURCE_TYPES, `must be ${listWords(SOURCE_TYPES, 'or')}; leave it out to have it detected`)
  .meta({ id: 'SourceType' })
export type SourceType = z.output<typeof SourceType>
const SOURCE_STATUSES = ['active', 'inactive'] as const
export const SourceStatus = oneOf(SOURCE_STATUSES)

const name = Text.trim().min(1, 'must not be empty').max(200, 'must have at most 200 characters')
const url = Text.min(1, 'must not be empty').max(2000, 'must have at most 2000 characters')
const apiKey = Text.min(1, 'must not be empty (leave it out, or null, for none)')
  .max(4096)
  .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
/** Calls at once to one flow server. */
const MAX_SOURCE_CONCURRENCY = 1000
export const DEFAULT_SOURCE_CONCURRENCY = 40
const concurrencyRange = `must be 1 to ${MAX_SOURCE_CONCURRENCY}`
const maxConcurrency = z
  .int('must be a whole number')
  .min(1, concurrencyRange)
  .max(MAX_SOURCE_CONCURRENCY, concurrencyRange)

export const Source = z
  .object({
    id: Uuid,
    name: z.string().nullable(),
    source_type: SourceType,
    url: z.string(),
    status: SourceStatus.describe("the user's switch: an inactive source runs nothing"),
    health: z
      .enum(['up', 'down', 'unknown'])
      .describe('what Spark saw last: at a call, a health check or a validation'),
    health_reason: z.string().nullable(),
    checked_at: Timestamp.nullable(),
    max_concurrency: z.int().describe('calls at once, over all workers'),
    version_info: z.record(z.string(), z.unknown()).nullable(),
    created_at: Timestamp,
    updated_at: Timestamp,
  })
  .meta({ id: 'Source' })
export type Source = z.output<typeof Source>

export const CreateSource = z
  .strictObject({
    name: name.nullish(),
    source_type: SourceType.optional().describe('left out: detected'),
    url,
    api_key: apiKey.nullish(),
    max_concurrency: maxConcurrency.default(DEFAULT_SOURCE_CONCURRENCY),
  })
  .meta({
    id: 'CreateSource',
    examples: [
      { name: 'My Langflow', source_type: 'langflow', url: 'http://localhost:7860', api_key: 'the-key-of-that-server' },
    ],
  })
export type CreateSource = z.output<typeof CreateSource>

export const UpdateSource = z
  .strictObject({
    name: name.nullable(),
    source_type: SourceType,
    url,
    api_key: apiKey.nullable(),
    status: SourceStatus,
    max_concurrency: maxConcurrency,
  })
  .partial()
  .meta({ id: 'UpdateSource', examples: [{ max_concurrency: 10 }] })
export type UpdateSource = z.output<typeof UpdateSource>

const SourceDeleted = z.object({ message: z.string() }).meta({ id: 'SourceDeleted' })
const common = { tag: 'Sources' } as const

export const createSource = endpoint({
  ...common,
  id: 'sources_create',
  method: 'post',
  path: '/sources',
  summary: 'Connect a flow server',
  description: 'Checks health, version and key at the server first. Nothing is stored when one of them is wrong.',
  body: CreateSource,
  status: 201,
  response: Source,
  answerHeaders: { ...location, ...etag },
})
export const listSources = endpoint({
  ...common,
  id: 'sources_list',
  method: 'get',
  path: '/sources',
  summary: 'List the flow servers',
  query: z.strictObject({ ...page, status: SourceStatus.optional() }),
  status: 200,
  response: pageOf(Source, 'SourcePage'),
})
export const getSource = endpoint({
  ...common,
  id: 'sources_get',
  method: 'get',
  path: '/sources/{id}',
  summary: 'Get a flow server',
  params: IdParams,
  status: 200,
  response: Source,
  answerHeaders: etag,
})
export const updateSource = endpoint({
  ...common,
  id: 'sources_update',
  method: 'patch',
  path: '/sources/{id}',
  summary: 'Change a flow server',
  description: 'A new url, key or type is validated before anything is stored. `api_key: null` removes the key.',
  params: IdParams,
  body: UpdateSource,
  status: 200,
  response: Source,
  requestHeaders: ifMatch,
  answerHeaders: etag,
})
/** Old clients send only some fields with PUT, so it does what PATCH does. */
export const replaceSource = endpoint({
  ...updateSource,
  id: 'sources_replace',
  method: 'put',
  summary: 'Change a flow server (the same as PATCH)',
})
export const validateSource = endpoint({
  ...common,
  id: 'sources_validate',
  method: 'post',
  path: '/sources/{id}/validate',
  summary: 'Validate a flow server again',
  description: 'Checks the server now, and updates `health` and `version_info`.',
  params: IdParams,
  emptyBody: true,
  status: 200,
  response: Source,
  answerHeaders: etag,
})
export const deleteSource = endpoint({
  ...common,
  id: 'sources_delete',
  method: 'delete',
  path: '/sources/{id}',
  summary: 'Delete a flow server',
  description: 'Its workflows, schedules and tasks are deleted, too.',
  params: IdParams,
  status: 200,
  response: SourceDeleted,
  requestHeaders: ifMatch,
})
