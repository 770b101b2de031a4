import type { Endpoint } from '@automagik-spark/core'
import { ErrorAnswer, etag } from '@automagik-spark/core'
import { z } from 'zod'

type Json = { [key: string]: unknown }

/** Leaves out what does not help a reader: the pattern behind a format, and JavaScript's largest integer. */
const shorten = (schema: z.core.JSONSchema.BaseSchema): void => {
  if (schema.format === 'date-time' || schema.format === 'uuid') delete schema.pattern
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum
}

/** The JSON Schemas of the contract. A schema with an id becomes a component that the others refer to. */
const makeSchemas = () => {
  const components: Json = {}
  const convert = (schema: z.ZodType): Json => {
    // `input`: an instant is text on the wire and a `Date` only in code.
    const { $schema, $defs, ...rest } = z.toJSONSchema(schema, {
      io: 'input',
      target: 'draft-2020-12',
      override: ({ jsonSchema }) => shorten(jsonSchema),
    }) as Json
    const toComponents = (part: unknown): Json =>
      JSON.parse(JSON.stringify(part).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json
    for (const [id, definition] of Object.entries(($defs ?? {}) as Json)) components[id] ??= toComponents(definition)
    return toComponents(rest)
  }
  return { components, convert }
}
type Schemas = ReturnType<typeof makeSchemas>

/** The default of a query parameter, which JSON Schema loses behind a conversion. */
const defaultOf = (schema: z.ZodType, name: string, type: unknown): Json => {
  const field: unknown = schema instanceof z.ZodObject ? schema.shape[name] : undefined
  const result = field instanceof z.ZodType ? field.safeParse(undefined) : undefined
  if (!result?.success || result.data === undefined) return {}
  return { default: type === 'string' ? String(result.data) : result.data }
}

/** Every path parameter is one of these. */
const PATH_EXAMPLES: Readonly<Record<string, string>> = {
  id: '019aa000-0000-7000-8000-000000000000',
  flow_id: '5f1f5a1c-3f1e-4d42-8b66-1a3e3cf0b111',
}

const parametersOf = (
  schema: z.ZodType | undefined,
  place: 'path' | 'query',
  { convert }: Schemas,
  examples: Readonly<Record<string, string>> = {},
): Json[] => {
  if (!schema) return []
  const { properties = {}, required = [] } = convert(schema) as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description ? { description } : {}),
    ...(name in examples ? { example: examples[name] } : {}),
    schema: { ...rest, ...defaultOf(schema, name, rest.type) },
  }))
}

const errors = {
  BadRequest: ['400', 'Something in the request is wrong, or the operation failed: `detail` names it and the fix'],
  Unauthorized: ['401', 'The key is missing or wrong'],
  NotFound: ['404', 'There is nothing with this id, or at this address'],
  TooSlow: ['408', 'The request did not arrive in time'],
  Changed: ['412', 'The version is none that `If-Match` names: nothing was done, and `ETag` has the present version'],
  TooLarge: ['413', 'The body is larger than 1 MiB'],
  NotJson: ['415', 'The Content-Type is not JSON'],
  LargeHeaders: ['431', 'The headers are larger than 16 KiB'],
  InternalError: ['500', 'A bug: the log has the rest under the X-Request-Id'],
  Unavailable: ['503', 'Shutting down, or without a database'],
} as const
type ErrorName = keyof typeof errors

const errorsOf = (endpoint: Endpoint): ErrorName[] => {
  const { params, queryNames, body, emptyBody, open, status, alsoStatus = [], requestHeaders = {} } = endpoint
  const takesBody = body !== undefined || emptyBody === true
  const names: ErrorName[] = [
    'BadRequest',
    ...(open ? [] : (['Unauthorized'] as const)),
    ...(params || body || queryNames ? (['NotFound'] as const) : []),
    'TooSlow',
    ...('If-Match' in requestHeaders ? (['Changed'] as const) : []),
    ...(takesBody ? (['TooLarge', 'NotJson'] as const) : []),
    'LargeHeaders',
    'InternalError',
    'Unavailable',
  ]
  return names.filter((name) => ![status, ...alsoStatus].map(String).includes(errors[name][0]))
}

const requestId = { $ref: '#/components/headers/RequestId' }
const headersOf = (described: Readonly<Record<string, string>> = {}): Json =>
  Object.fromEntries([
    ['X-Request-Id', requestId],
    ...Object.entries(described).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  ])

const reasons: Record<number, string> = { 200: 'Done', 201: 'Created', 202: 'Accepted, not over yet', 503: 'Not ready' }

const operationOf = (endpoint: Endpoint, schemas: Schemas): Json => {
  const { convert } = schemas
  const content = (schema: z.ZodType) => ({ 'application/json': { schema: convert(schema) } })
  const answer = (status: number) => ({
    description: reasons[status] ?? 'Done',
    headers: headersOf(endpoint.answerHeaders),
    content: content(endpoint.response),
  })
  return {
    operationId: endpoint.id,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    ...(endpoint.description ? { description: endpoint.description } : {}),
    ...(endpoint.open ? { security: [] } : {}),
    parameters: [
      ...parametersOf(endpoint.params, 'path', schemas, PATH_EXAMPLES),
      ...parametersOf(endpoint.query, 'query', schemas, endpoint.queryExample),
      ...Object.entries(endpoint.requestHeaders ?? {}).map(([name, description]) => ({
        name,
        in: 'header',
        required: false,
        description,
        schema: { type: 'string' },
      })),
    ],
    ...(endpoint.body
      ? {
          requestBody: {
            required: endpoint.emptyBody !== true,
            content: { 'application/json': { schema: convert(endpoint.body), ...exampleOf(endpoint.body) } },
          },
        }
      : {}),
    responses: Object.fromEntries([
      ...[endpoint.status, ...(endpoint.alsoStatus ?? [])].map((status) => [String(status), answer(status)]),
      ...errorsOf(endpoint).map((name) => [errors[name][0], { $ref: `#/components/responses/${name}` }]),
    ]),
  }
}

/** An example for the documentation pages, which would otherwise make one from types: `"string"` for every text. */
const exampleOf = (schema: z.ZodType): Json => {
  const { examples = [] } = (schema.meta() ?? {}) as { examples?: unknown[] } // the contract wrote this meta
  const example = examples.find((one) => typeof one === 'object') // Swagger UI would send a string without its quotes
  return example === undefined ? {} : { example }
}

const tags = [
  { name: 'Service', description: 'Is it there, and is it ready' },
  { name: 'Sources', description: 'Flow servers that Spark calls' },
  { name: 'Workflows', description: 'Flows copied from a source' },
  { name: 'Tasks', description: 'Runs of a workflow' },
  { name: 'Schedules', description: 'When a workflow runs' },
  { name: 'Workers', description: 'Processes that run tasks' },
] satisfies { name: Endpoint['tag']; description: string }[]

/** First the address by which this reader came, then the public one, which may not be reachable from everywhere. */
export const serversOf = (prefix: string, publicUrl: URL | null): Json[] => [
  { url: prefix || '/' },
  ...(publicUrl ? [{ url: publicUrl.href.replace(/\/$/, ''), description: 'SPARK_PUBLIC_URL' }] : []),
]

/** The API as an OpenAPI 3.1 document, from the table that also validates. */
export const makeOpenApi = (endpoints: readonly Endpoint[], version: string): Json => {
  const schemas = makeSchemas()
  const paths: Record<string, Json> = {}
  for (const endpoint of endpoints) {
    const path = endpoint.root ? endpoint.path : `/api/v1${endpoint.path}`
    paths[path] = { ...paths[path], [endpoint.method]: operationOf(endpoint, schemas) }
  }
  const error = schemas.convert(ErrorAnswer)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Spark',
      version,
      description:
        'Runs flows of flow servers when they are due. Every call but the open ones needs the header `X-API-Key`. Every path also works with a slash at its end.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: serversOf('', null),
    security: [{ ApiKey: [] }],
    tags,
    paths,
    components: {
      securitySchemes: { ApiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' } },
      headers: {
        RequestId: {
          description: "The request's own id, or one made for it; the log carries it",
          schema: { type: 'string' },
        },
      },
      responses: Object.fromEntries(
        Object.entries(errors).map(([name, [, description]]) => [
          name,
          {
            description,
            headers: headersOf(name === 'Changed' ? etag : {}),
            content: { 'application/json': { schema: error } },
          },
        ]),
      ),
      schemas: Object.fromEntries(Object.entries(schemas.components).sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  }
}
