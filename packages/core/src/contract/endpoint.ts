import type { z } from 'zod'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
export type Tag = 'Service' | 'Sources' | 'Workflows' | 'Tasks' | 'Schedules' | 'Workers'

/** One row of the API: Express mounts it, OpenAPI is generated from it, the SDK's types come from it, the contract test walks it. */
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
  /** Answers without a key. */
  readonly open?: true
  readonly summary: string
  readonly description?: string
  readonly params?: P
  readonly query?: Q
  /** Its query may name something that is not there. */
  readonly queryNames?: true
  /** Of what a query must have: values that work, for the documentation. A body's are the `examples` of its schema. */
  readonly queryExample?: Readonly<Record<string, string>>
  readonly body?: B
  /** A JSON string alone is a body as well: the user's own, kept as it was written. */
  readonly stringBody?: true
  /** An empty body is read as `{}`, and so is `null`. */
  readonly emptyBody?: true
  readonly status: number
  /** Other good answers of the same call, e.g. 202 with the task that is not over yet; all have the same body. */
  readonly alsoStatus?: readonly number[]
  readonly response: R
  /** Request headers that the call knows, by name, with what they do. */
  readonly requestHeaders?: Readonly<Record<string, string>>
  /** Headers of a good answer beyond those that every answer has. */
  readonly answerHeaders?: Readonly<Record<string, string>>
}

/** Of what was made or is now running. */
export const location = { Location: 'where the answer can be read again' } as const

/** Types a row of the table: the row keeps its exact type, and a key that no row has is an error. */
export const endpoint = <const E extends Endpoint>(row: E & Record<Exclude<keyof E, keyof Endpoint>, never>): E => row
