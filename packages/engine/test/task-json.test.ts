import { randomUUID } from 'node:crypto'
import type { Source, Workflow } from '@automagik-spark/core'
import { listTasks, Task, writeJson } from '@automagik-spark/core'
import { useFixture } from '@automagik-spark/testing/fixture'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { toTask } from '../src/tasks.ts'
import { openEngineStack } from '../src/testing/index.ts'

// `GET /tasks` and `GET /tasks/{id}` are JSON that PostgreSQL makes. It must be what the schema would have made of the same rows.

const PAGE = { limit: 50, offset: 0 }
const AWKWARD = 'quote " backslash \\ newline \n tab \t bell \u0007 snow ☃ rocket 🚀 line \u2028 <b>&'

/** Columns beside the defaults below, as SQL literals or JSON. */
/** What no parsed value keeps: digits, the order of keys, doubled ones, escapes, space. */
const SOURCE =
  '{ "2": 1234567890123456789, "1" :1.10, "n": [-0, 1E400 ,1e-7], "a":1,"a":2, "__proto__": {"x":1}, "s": "\\u00e9\\/\\u0000\\ud800 ü" }'

/** `input` and `output` are values, `columns` has them as text. */
const CASES: Record<string, { input?: unknown; output?: unknown; columns?: Record<string, unknown> }> = {
  'an object that no parsed value keeps': {
    columns: {
      input: SOURCE,
      output: `{"result":"x","answer":${SOURCE}}`,
      status: 'completed',
      finished_at: '2026-02-03T04:05:06.500Z',
    },
  },
  'a list that no parsed value keeps': { columns: { input: `[${SOURCE}, ${SOURCE}]` } },
  'a text with escapes': { columns: { input: '"\\u00e9\\/\\u0000\\ud800"' } },
  'a number that JavaScript cannot hold': { columns: { input: '-12345678901234567890.10' } },
  'a pending one without input': {},
  text: { input: AWKWARD },
  'an empty text': { input: '' },
  'a number': { input: 1.5 },
  'a large number': { input: 12345678901234567890n.toString() },
  'JSON null': { input: null },
  'a list': { input: [1, 'two', { three: [] }] },
  'an object': { input: { question: AWKWARD, nested: { a: [null, true] } } },
  'an object with a name of JavaScript': { input: JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}') },
  'an answer': {
    input: 'x',
    output: { result: AWKWARD, answer: { outputs: [{ n: 0.1, e: 1e21, z: -0 }] } },
    columns: { status: 'completed', finished_at: '2026-02-03T04:05:06.500Z' },
  },
  'an answer that is null': {
    input: 'x',
    output: null,
    columns: { status: 'completed', finished_at: '2026-02-03T04:05:06Z' },
  },
  'a failure': {
    input: 'x',
    columns: {
      status: 'failed',
      error: AWKWARD,
      error_code: 'flow_failed',
      tries: 3,
      finished_at: '2026-02-03T04:05:06.007Z',
    },
  },
  'a cancelled one with every time set': {
    input: 'x',
    columns: {
      status: 'cancelled',
      trigger: 'manual',
      scheduled_for: '2026-02-03T00:00:00Z',
      next_retry_at: '2026-02-03T04:05:06.1Z',
      cancel_requested_at: '1970-01-01T00:00:00Z',
      started_at: '2026-10-25T00:59:59.999Z',
      finished_at: '9999-12-31T23:59:59.999Z',
      replay_of: randomUUID(),
      max_retries: 5,
      retry_on: 'unknown',
      timeout: 3600,
    },
  },
}

describe('runs as JSON from PostgreSQL', () => {
  const stack = useFixture(openEngineStack)
  let source: Source
  let workflow: Workflow
  const ids = new Map<string, string>()

  const add = async (name: string, { input, output, columns = {} }: (typeof CASES)[string]) => {
    const id = `019aa000-0000-7000-8000-${String(ids.size).padStart(12, '0')}`
    const row: Record<string, unknown> = {
      id,
      workflow_id: workflow.id,
      source_id: source.id,
      status: 'pending',
      trigger: 'manual',
      priority: 0,
      timeout: 60,
      input: input === undefined ? null : JSON.stringify(input),
      output: output === undefined ? null : JSON.stringify(output),
      ready_at: '2026-02-03T04:05:06Z',
      created_at: '2026-02-03T04:05:06.78Z',
      updated_at: '2026-02-03T04:05:06.789Z',
      ...columns,
    }
    const names = Object.keys(row)
    await stack.db.sql.query(
      `INSERT INTO tasks (${names.join(', ')}) VALUES (${names.map((_, i) => `$${i + 1}`).join(', ')})`,
      Object.values(row),
    )
    ids.set(name, id)
    return id
  }

  beforeAll(async () => {
    ;({ source, workflow } = await stack.sync())
    for (const [name, values] of Object.entries(CASES)) await add(name, values)
  })

  it.each(Object.keys(CASES))('%s: alone and in a list it is what the schema makes of its row', async (name) => {
    const row = await stack.db.tasks.find(ids.get(name)!)
    const expected = z.encode(Task, toTask(row!))
    const { json_text } = await stack.jsonTasks.get(row!.id)
    expect(json_text).toBe(writeJson(expected))
    for (const column of ['input', 'output'] as const) expect(json_text).toContain(row![column] ?? 'null')
    expect(Object.keys(JSON.parse(json_text))).toEqual(Object.keys(Task.shape))
    const { input_data: _, output_data: __, ...rest } = toTask(row!)
    expect(z.decode(Task, JSON.parse(json_text))).toMatchObject(rest)
    const listed = JSON.parse((await stack.jsonTasks.list(PAGE)).json_text) as { items: { id: string }[] }
    expect(listed.items.find((item) => item.id === row!.id)).toEqual(JSON.parse(json_text))
  })

  it('lists the newest first, in pages that decode', async () => {
    const newestFirst = [...ids.values()].reverse()
    const all = z.decode(listTasks.response, JSON.parse((await stack.jsonTasks.list(PAGE)).json_text))
    expect(all).toMatchObject({ total: ids.size, limit: 50, offset: 0, has_more: false, next_cursor: null })
    expect(all.items.map((item) => item.id)).toEqual(newestFirst)

    const first = z.decode(
      listTasks.response,
      JSON.parse((await stack.jsonTasks.list({ limit: 4, offset: 0 })).json_text),
    )
    expect(first).toMatchObject({ total: ids.size, limit: 4, has_more: true, next_cursor: expect.any(String) })
    const second = z.decode(
      listTasks.response,
      JSON.parse((await stack.jsonTasks.list({ limit: 4, offset: 0, cursor: first.next_cursor! })).json_text),
    )
    expect([...first.items, ...second.items].map((item) => item.id)).toEqual(newestFirst.slice(0, 8))
    const skipped = z.decode(
      listTasks.response,
      JSON.parse((await stack.jsonTasks.list({ limit: 4, offset: 4 })).json_text),
    )
    expect(skipped.items).toEqual(second.items)
  })

  it('lists only what the filters let through, and none at all as an empty page', async () => {
    const failed = z.decode(
      listTasks.response,
      JSON.parse(
        (await stack.jsonTasks.list({ ...PAGE, status: 'failed', trigger: 'manual', workflow_id: workflow.id }))
          .json_text,
      ),
    )
    expect(failed).toMatchObject({ total: 1, has_more: false, items: [{ id: ids.get('a failure') }] })
    expect(JSON.parse((await stack.jsonTasks.list({ ...PAGE, schedule_id: randomUUID() })).json_text)).toEqual({
      items: [],
      total: 0,
      limit: 50,
      offset: 0,
      has_more: false,
      next_cursor: null,
    })
  })

  it('neither lists nor counts the runs of a workflow that was deleted, with and without filters', async () => {
    const other = (await stack.sync('text')).workflow
    const insert = `INSERT INTO tasks (id, workflow_id, source_id, status, trigger, priority, timeout, ready_at, created_at, updated_at)
      VALUES ($1, $2, $3, 'pending', 'manual', 0, 60, spark_now(), spark_now(), spark_now())`
    for (let i = 0; i < 3; i++) await stack.db.sql.query(insert, [randomUUID(), other.id, source.id])
    const total = async (filter = {}) =>
      z.decode(listTasks.response, JSON.parse((await stack.jsonTasks.list({ ...PAGE, ...filter })).json_text)).total
    const pending = await total({ status: 'pending' })
    expect(await total()).toBe(ids.size + 3)
    await stack.engine.workflows.remove(other.id)
    expect(await total()).toBe(ids.size)
    expect(await total({ status: 'pending' })).toBe(pending - 3)
    expect(JSON.parse((await stack.jsonTasks.list({ ...PAGE, workflow_id: other.id })).json_text)).toMatchObject({
      items: [],
      total: 0,
    })
  })

  it('shows a large answer whole alone and cut in lists', async () => {
    const id = ids.get('an answer')!
    const whole = { result: 'x'.repeat(20_000), answer: { long: true } }
    await stack.db.sql.query('INSERT INTO task_outputs (task_id, output) VALUES ($1, $2)', [id, JSON.stringify(whole)])
    expect(z.decode(Task, JSON.parse((await stack.jsonTasks.get(id)).json_text)).output_data).toEqual(whole)
    const listed = z.decode(listTasks.response, JSON.parse((await stack.jsonTasks.list(PAGE)).json_text))
    expect(listed.items.find((item) => item.id === id)!.output_data).toMatchObject({ result: AWKWARD })
  })

  it('does not know a run that is not there', async () => {
    await expect(stack.jsonTasks.get(randomUUID())).rejects.toThrow('Task not found')
  })
})
