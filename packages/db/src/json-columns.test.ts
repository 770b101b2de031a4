import { Timestamp } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import { jsonColumns } from './json-columns.ts'

describe('jsonColumns', () => {
  const utc = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

  it('names a column for each field of the schema, in its order', () => {
    expect(jsonColumns({ id: {}, status: {} }, 't')).toBe('t.id AS "id", t.status AS "status"')
  })
  it('writes times in UTC, those that may be null or have a description as well', () => {
    const shape = {
      at: Timestamp,
      maybe_at: Timestamp.nullable(),
      due: Timestamp.nullable().describe('the nominal due time'),
    }
    expect(jsonColumns(shape, 't')).toBe(
      `${utc('t.at')} AS "at", ${utc('t.maybe_at')} AS "maybe_at", ${utc('t.due')} AS "due"`,
    )
  })
  it('takes what is made otherwise', () => {
    expect(jsonColumns({ at: Timestamp, output_data: {} }, 't', { at: 'now()', output_data: 't.output' })).toBe(
      'now() AS "at", t.output AS "output_data"',
    )
  })
})
