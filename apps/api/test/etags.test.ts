import { ChangedError } from '@automagik-spark/core'
import { useFixture } from '@automagik-spark/testing/fixture'
import { describe, expect, it } from 'vitest'
import { schedule, source } from './fake-engine.ts'
import { startApi } from './running-api.ts'
import { rows } from './table.ts'

const api = useFixture(startApi)
const send = (row: (typeof rows)[number], headers: Record<string, string> = {}) =>
  api.call(row.method, row.path, { ...(row.body !== undefined && { body: row.body }), headers })
const one = rows.filter(({ endpoint }) => 'ETag' in (endpoint.answerHeaders ?? {}))
const guarded = rows.filter(({ endpoint }) => 'If-Match' in (endpoint.requestHeaders ?? {}))

it('have those calls that answer with one source or one schedule', () => {
  expect(one.map(({ id }) => id).sort()).toEqual([
    'schedules_create',
    'schedules_disable',
    'schedules_enable',
    'schedules_get',
    'schedules_replace',
    'schedules_update',
    'sources_create',
    'sources_get',
    'sources_replace',
    'sources_update',
    'sources_validate',
  ])
  expect(guarded.map(({ id }) => id).sort()).toEqual([
    'schedules_delete',
    'schedules_disable',
    'schedules_enable',
    'schedules_replace',
    'schedules_update',
    'sources_delete',
    'sources_replace',
    'sources_update',
  ])
})

describe.each(rows)('$id', (row) => {
  it('has the ETag that the table promises, and no version in its body', async () => {
    const { headers, json } = await send(row)
    const { version } = row.id.startsWith('sources_') ? source : schedule
    expect(headers.get('etag')).toBe(one.includes(row) ? `"${version}"` : null)
    if (one.includes(row)) expect(json).not.toHaveProperty('version')
  })
})

describe.each(guarded)('If-Match of $id', (row) => {
  const heard = async (header?: string) => {
    api.calls.length = 0
    const { status } = await send(row, header === undefined ? {} : { 'If-Match': header })
    return [status, api.calls.at(-1)?.at(-1)]
  }

  it('reaches the engine as versions, and any version without it', async () => {
    expect(await heard()).toEqual([200, null])
    expect(await heard('*')).toEqual([200, null])
    expect(await heard('"3"')).toEqual([200, [3]])
    expect(await heard('W/"3", "5", "other"')).toEqual([200, [5]])
  })

  it('that cannot be read is a 400 and does nothing', async () => {
    api.calls.length = 0
    const { status, json } = await send(row, { 'If-Match': '3' })
    expect([status, json.detail, api.calls]).toEqual([400, expect.stringMatching(/^If-Match: must be the ETag/), []])
  })
})

it.each(guarded)('another version is a 412 of $id that says what to do, with the present ETag', async (row) => {
  const group = row.id.startsWith('sources_') ? 'sources' : 'schedules'
  const name = row.id.replace(/^.*_/, '').replace('delete', 'remove')
  const useCases = api.engine[group] as Record<string, unknown>
  const call = name === 'replace' && group === 'sources' ? 'update' : name
  const before = useCases[call]
  useCases[call] = () => Promise.reject(new ChangedError(group === 'sources' ? 'source' : 'schedule', 8))
  const { status, headers, json } = await send(row, { 'If-Match': '"7"' })
  useCases[call] = before
  expect([status, headers.get('etag')]).toEqual([412, '"8"'])
  expect(json).toEqual({ detail: expect.stringMatching(/^If-Match: the \w+ has version "8" now, .*read it again/) })
})
