import { z } from 'zod'
import { isObject } from '../json/is-object.ts'
import { sourceText, sourceValue } from '../json/source.ts'
import type { JsonText } from '../json/text.ts'
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

/** A time that a client gives: ISO 8601 with `Z` or an offset. */
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

/** Text that PostgreSQL can keep: well-formed Unicode without NUL. */
export const Text = z.string().superRefine((value, context) => {
  const problem = textProblem(value)
  if (problem) context.addIssue({ code: 'custom', message: problem })
})

/** Any JSON that can be kept, not too deep and with not too many keys. */
const checked = z.unknown().superRefine((value, context) => {
  const problem = valueProblem(sourceValue(value))
  if (problem) context.addIssue({ code: 'custom', message: problem })
})

/** A field that is missing gets here as well, and stays missing. */
const toSource = (value: unknown): JsonText => (value === undefined ? (value as never) : sourceText(value))

/** What is the user's own: checked as a value, and handed on as its source text (`withSources`), digit for digit. */
export const Json = checked.transform(toSource)

/** A JSON string, as its source text. */
export const JsonString = checked
  .refine((value) => typeof sourceValue(value) === 'string')
  .meta({ type: 'string' })
  .transform(toSource) as unknown as z.ZodType<JsonText, string>

/** A JSON object that a client fills as it likes. Cast, since `z.record` would drop a key named `__proto__`, which is data here. */
export const JsonObject = checked
  .refine((value) => isObject(sourceValue(value)), { error: 'must be an object', abort: true })
  .meta({ type: 'object' })
  .transform(toSource) as unknown as z.ZodType<JsonText, Record<string, unknown>>

/** Such an object in an answer. */
export const SourceObject = z.unknown().meta({ type: 'object' }) as unknown as z.ZodType<
  unknown,
  Record<string, unknown>
>

export const Id = z.guid('must be a UUID').transform((id) => id.toLowerCase())
/** An id in an answer. */
export const Uuid = z.guid()
export const IdParams = z.object({ id: Id })

/** A number in a query: digits and nothing else, so that `1e1`, `0x10` and an empty text are refused. */
export const digits = (min: number, max: number, message: string) =>
  z.preprocess(
    (text) => (typeof text === 'string' && !/^\d{1,12}$/.test(text) ? Number.NaN : text),
    z.coerce.number(message).int(message).min(min, message).max(max, message),
  )

/** What every list takes. */
export const page = {
  limit: digits(1, 100, 'must be a whole number from 1 to 100').default(50),
  offset: digits(0, 1_000_000_000, 'must be a whole number from 0 to 1000000000').default(0),
  cursor: z
    .string()
    .min(1, 'must not be empty')
    .max(400, 'is not a cursor of this API')
    .optional()
    .describe('opaque, from `next_cursor` of the answer before; deep pages stay fast'),
}
export type PageQuery = { limit: number; offset: number; cursor?: string | undefined }

/** What every list answers. */
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
