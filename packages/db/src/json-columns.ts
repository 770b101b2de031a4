import { Timestamp } from '@automagik-spark/core'

/** A time as `toISOString` writes it, and as core's `Timestamp` encodes it. */
const ISO = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'

const isTime = (field: unknown): boolean =>
  field === Timestamp ||
  (typeof field === 'object' &&
    field !== null &&
    'unwrap' in field &&
    typeof field.unwrap === 'function' &&
    isTime(field.unwrap()))

/**
 * The columns from which `row_to_json` makes the JSON of a response schema; a response never holds more than its schema lists. Each field is the column
 * of that name in `table`, or the SQL in `made`.
 */
export const jsonColumns = <Shape extends Record<string, unknown>>(
  shape: Shape,
  table: string,
  made: { [Field in keyof Shape]?: string } = {},
): string =>
  Object.entries(shape)
    .map(
      ([field, schema]) =>
        `${made[field] ?? (isTime(schema) ? `to_char(${table}.${field} AT TIME ZONE 'UTC', '${ISO}')` : `${table}.${field}`)} AS "${field}"`,
    )
    .join(', ')
