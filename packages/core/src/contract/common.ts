import { z } from 'zod'
import { isObject } from '../json/is-object.ts'
import { sourceText, sourceValue } from '../json/source.ts'
import type { JsonText } from '../json/text.ts'
import { listWords } from '../list-words.ts'
import { readTime } from '../schedule/written-time.ts'
import { textProblem, valueProblem } from './stored-value.ts'

/** ISO 8601 in UTC on the wire, `Date` in code. */
export const Timestamp = z
  .codec(z.iso.datetime(), z.date(), {
    decode: (text) => new Date(text),
    encode: (date) => date.toISOString(),
  })
  .describe('ISO 8601, UTC')

const TIME = 'must be an ISO 8601 time with Z or an offset, such as 2026-01-31T08:00:00Z'

/** A time in a request: ISO 8601 with `Z` or an offset. */
export const GivenTime = z
  .codec(z.string(TIME).meta({ format: 'date-time' }), z.date(), {
    decode: (text, context) => {
      const read = readTime(text)
      if ('kind' in read && read.kind === 'instant') return new Date(read.at)
      context.issues.push({
        code: 'custom',
        input: text,
        message: 'kind' in read ? TIME : givenProblem(text, read.problem),
      })
      return z.NEVER
    },
    encode: (date) => date.toISOString(),
  })
  .describe('ISO 8601 with Z or an offset')

const givenProblem = (text: string, problem: string): string => {
  if (problem.startsWith('must ')) return problem
  return problem.startsWith('is not a time') ? TIME : `"${text.trim()}" ${problem}`
}

/** Text that PostgreSQL can store: well-formed Unicode without NUL. */
export const Text = z.string().superRefine((value, context) => {
  const problem = textProblem(value)
  if (problem) context.addIssue({ code: 'custom', message: problem })
})

/** Any JSON value that is not nested too deep and does not have too many keys. */
const validJson = z.unknown().superRefine((value, context) => {
  const problem = valueProblem(sourceValue(value))
  if (problem) context.addIssue({ code: 'custom', message: problem })
})

/** zod calls this for a missing field, too; it stays missing. */
const toSource = (value: unknown): JsonText => (value === undefined ? (value as never) : sourceText(value))

/** The user's own JSON: checked as a value, passed on as its source text (`withSources`), digit for digit. */
export const Json = validJson.transform(toSource)

/** A JSON string, as its source text. */
export const JsonString = validJson
  .refine((value) => typeof sourceValue(value) === 'string')
  .meta({ type: 'string' })
  .transform(toSource) as unknown as z.ZodType<JsonText, string>

/** A JSON object with any content. A cast, since `z.record` would drop a key named `__proto__`, which is data here. */
export const JsonObject = validJson
  .refine((value) => isObject(sourceValue(value)), { error: 'must be an object', abort: true })
  .meta({ type: 'object' })
  .transform(toSource) as unknown as z.ZodType<JsonText, Record<string, unknown>>

/** A `JsonObject` in an answer. */
export const SourceObject = z.unknown().meta({ type: 'object' }) as unknown as z.ZodType<
  unknown,
  Record<string, unknown>
>

export const Id = z.guid('must be a UUID').transform((id) => id.toLowerCase())
/** An id in an answer. */
export const Uuid = z.guid()
export const IdParams = z.object({ id: Id })

/** A number in a query: digits only, so that `1e1`, `0x10` and an empty text are refused. */
export const wholeNumber = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`
  return z.preprocess(
    (text) => (typeof text === 'string' && !/^\d{1,12}$/.test(text) ? Number.NaN : text),
    z.coerce.number(message).int(message).min(min, message).max(max, message),
  )
}

/** One of a list of names; the message lists them. */
export const oneOf = <const T extends readonly string[]>(names: T) => z.enum(names, `must be ${listWords(names, 'or')}`)

export const MAX_PAGE_SIZE = 100
export const DEFAULT_PAGE_SIZE = 50

/** The query of every list. */
export const page = {
  limit: wholeNumber(1, MAX_PAGE_SIZE).default(DEFAULT_PAGE_SIZE),
  offset: wholeNumber(0, 1_000_000_000).default(0),
  cursor: z
    .string()
    .min(1, 'must not be empty')
    .max(400, 'is not a cursor of this API')
    .optional()
    .describe('opaque, from `next_cursor` of the answer before; deep pages stay fast'),
}
export type PageQuery = { limit: number; offset: number; cursor?: string | undefined }

/** The answer of every list. */
export const pageOf = <T extends z.ZodType>(item: T, id: string) =>
  z
    .object({
      items: z.array(item),
      total: z.int(),
      limit: z.int(),
      offset: z.int(),
      has_more: z.boolean(),
      next_cursor: z.string().nullable(),
    })
    .meta({ id })
export type Page<T> = {
  items: T[]
  total: number
  limit: number
  offset: number
  has_more: boolean
  next_cursor: string | null
}

export const ErrorAnswer = z
  .object({
    detail: z.string().describe('One clear sentence'),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Error' })
export type ErrorAnswer = z.input<typeof ErrorAnswer>

/** A boolean in a query. */
export const Flag = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .transform((text) => text === 'true' || text === '1')
