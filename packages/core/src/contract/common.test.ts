import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { JsonSource } from '../json/source.ts'
import { asJsonText, jsonText } from '../json/text.ts'
import { Flag, GivenTime, Id, Json, JsonObject, page, Text, Timestamp } from './common.ts'

const messagesOf = (schema: z.ZodType, value: unknown) =>
  schema.safeParse(value).error?.issues.map(({ message }) => message)

describe('Timestamp', () => {
  it('is UTC text outside and a Date inside', () => {
    const at = new Date('2026-01-31T08:00:00.123Z')
    expect(z.encode(Timestamp, at)).toBe('2026-01-31T08:00:00.123Z')
    expect(Timestamp.parse('2026-01-31T08:00:00.123Z')).toEqual(at)
    expect(Timestamp.safeParse('2026-01-31T08:00:00+01:00').success).toBe(false)
  })
})

describe('GivenTime', () => {
  it.each([
    '2026-01-31T08:00:00Z',
    '2026-01-31T09:00:00+01:00',
    '2026-01-31T08:00:00.000Z',
    '2026-01-31T09:00+01:00',
    '2026-01-31 08:00:00Z',
    '2026-01-31t09:00:00+0100',
    '2026-01-31 08:00z',
    '2026-01-31T09:00+01',
  ])('reads %s', (text) => {
    expect(GivenTime.parse(text)).toEqual(new Date('2026-01-31T08:00:00Z'))
  })
  it.each(['2026-01-31', '2026-01-31T08:00:00', 'tomorrow', '', 1_700_000_000, null])('refuses %j', (value) => {
    expect(messagesOf(GivenTime, value)).toEqual([
      'must be an ISO 8601 time with Z or an offset, such as 2026-01-31T08:00:00Z',
    ])
  })
  it.each([
    ['2026-02-30T00:00:00Z', '"2026-02-30T00:00:00Z" has day 30: 2026-02 has 28 days'],
    ['2026-02-01T24:00:00Z', '"2026-02-01T24:00:00Z" has the hour 24: write "2026-02-02T00:00:00Z"'],
    [
      '2026-02-01T08:00:00 01:00',
      '"2026-02-01T08:00:00 01:00" has no sign before its offset: write + (in a URL as %2B) or -',
    ],
  ])('says what is wrong with %s', (value, message) => {
    expect(messagesOf(GivenTime, value)).toEqual([message])
  })
  it('is a date-time in OpenAPI', () => {
    expect(z.toJSONSchema(GivenTime, { io: 'input' })).toMatchObject({ type: 'string', format: 'date-time' })
  })
  it.each(['0001-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '9999-12-31T23:59:59-01:00'])(
    'refuses the far year of %s',
    (text) => {
      expect(messagesOf(GivenTime, text)).toEqual(['must lie between the years 1970 and 9999'])
    },
  )
})

describe('Text and Json', () => {
  it('say what PostgreSQL would refuse', () => {
    expect(messagesOf(Text, 'a\u0000')).toEqual(['must not contain the NUL character'])
  })
  it('give JSON back as its source text, keys like __proto__ too', () => {
    const text = '{"__proto__":{"a":1},"constructor":[null]}'
    expect(Json.parse(JSON.parse(text))).toBe(text)
    expect(JsonObject.parse(JSON.parse(text))).toBe(text)
    const source = '{ "2":1, "1": 1.10, "a\\u0000": "\\ud800" }'
    expect(Json.parse(new JsonSource(asJsonText(source)))).toBe(source)
    expect(JsonObject.parse(new JsonSource(asJsonText(source)))).toBe(source)
  })
  it.each([[[]], ['{}'], [null], [1]])('%j is no JsonObject', (value) => {
    expect(messagesOf(JsonObject, value)).toEqual(['must be an object'])
    expect(messagesOf(JsonObject, new JsonSource(jsonText(value)))).toEqual(['must be an object'])
  })
})

describe('Id', () => {
  it('is kept in lower case', () => {
    expect(Id.parse('019AA000-0000-7000-8000-00000000000F')).toBe('019aa000-0000-7000-8000-00000000000f')
  })
  it.each([
    '',
    '1',
    '019aa00000007000800000000000000f',
    '{019aa000-0000-7000-8000-00000000000f}',
    '019aa000-0000-7000-8000-00000000000g',
    { $ne: 1 },
  ])('refuses %j', (value) => {
    expect(messagesOf(Id, value)).toEqual(['must be a UUID'])
  })
})

describe('a page', () => {
  const Query = z.strictObject(page)
  it('has 50 items by default', () => {
    expect(Query.parse({})).toEqual({ limit: 50, offset: 0 })
  })
  it('reads digits', () => {
    expect(Query.parse({ limit: '100', offset: '1000000000', cursor: 'x' })).toEqual({
      limit: 100,
      offset: 1_000_000_000,
      cursor: 'x',
    })
  })
  it.each(['0', '101', '-1', '+5', '1.0', '1e1', '0x10', '', ' 5', '५', 'NaN', 'Infinity', '9'.repeat(40)])(
    'refuses limit %j',
    (limit) => {
      expect(messagesOf(Query, { limit })).toEqual(['must be a whole number from 1 to 100'])
    },
  )
})

describe('Flag', () => {
  it.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('reads %s', (text, value) => {
    expect(Flag.parse(text)).toBe(value)
  })
  it.each(['', 'yes', 'True', true])('refuses %j', (value) => {
    expect(messagesOf(Flag, value)).toEqual(['must be true or false'])
  })
})
