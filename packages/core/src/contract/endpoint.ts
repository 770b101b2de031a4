import type { z } from 'zod'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
export type Tag = 'Service' | 'Sources' | 'Workflows' | 'Tasks' | 'Schedules' | 'Workers'

/** One row of the API: Express mounts it, OpenAPI and the SDK's types are generated from it, the contract test calls it. */
export type Endpoint<
  P extends z.ZodType | undefined = z.ZodType | undefined,
  Q extends z.ZodType | undefined = z.ZodType | undefined,
  B extends z.ZodType | undefined = z.ZodType | undefined,
  R extends z.ZodType = z.ZodType,
> = {
  /** Unique and stable: OpenAPI's operationId, e.g. `schedules_create`. */
  readonly id: string
  readonly tag: Tag
  readonly method: Method
  /** Below `/api/v1`, with `{name}` for parameters; or below `/` when `root` is set. */
  readonly path: string
  readonly root?: true
  /** Needs no API key. */
  readonly open?: true
  readonly summary: string
  readonly description?: string
  readonly params?: P
  readonly query?: Q
  /** The query may name something that does not exist, which is a 404. */
  readonly queryNames?: true
  /** Values for the required parameters of the query, for the documentation. A body has them as `examples` of its schema. */
  readonly queryExample?: Readonly<Record<string, string>>
  readonly body?: B
  /** A JSON string alone is a valid body, too; its source text is kept. */
  readonly stringBody?: true
  /** An empty body is read as `{}`, and so is `null`. */
  readonly emptyBody?: true
  readonly status: number
  /** Other successful statuses of the same call, e.g. 202 with a task that is not finished; all have the same body. */
  readonly alsoStatus?: readonly number[]
  readonly response: R
  /** Request headers that the call reads, by name, with what they do. */
  readonly requestHeaders?: Readonly<Record<string, string>>
  /** Headers of a successful answer, beyond those that every answer has. */
  readonly answerHeaders?: Readonly<Record<string, string>>
}

/** For calls that create something or start a run. */
export const location = { Location: 'where the answer can be read again' } as const

/** For calls that answer with one source or one schedule. */
export const etag = {
  ETag: 'the version, such as `"3"`: edits raise it; runs, health checks and automatic pauses do not',
} as const
/** For calls that change one source or one schedule. */
export const ifMatch = {
  'If-Match':
    'the `ETag` that you read, or several with commas between them: the call does nothing and answers 412 when the version is none of them; `*` is any version',
} as const

/** Types one row: it keeps its exact type, and an unknown key is a compile error. */
export const endpoint = <const E extends Endpoint>(row: E & Record<Exclude<keyof E, keyof Endpoint>, never>): E => row
