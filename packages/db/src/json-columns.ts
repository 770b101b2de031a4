import { Timestamp } from '@automagik-spark/core'

/** As `toISOString` writes a time: core's codec for times says the same. */
const ISO = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'

const isTime = (field: unknown): boolean =>
  field === Timestamp ||
  (typeof field === 'object' &&
    field !== null &&
    'unwrap' in field &&
    typeof field.unwrap === 'function' &&
    isTime(field.unwrap()))

/**
 * The columns of which `row_to_json` makes what a response schema says, so that an answer never holds more than its schema lists. Each
 * field is the column of that name in `table`, or the SQL in `made`.
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
