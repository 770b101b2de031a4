import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, ids, KEY, page, startFakeApi, task, workflow } from './fake-api.ts'
import { type Invocation, invoke } from './invoke.ts'

let api: FakeApi
beforeAll(async () => {
  api = await startFakeApi()
})
beforeEach(() => api.reset())
afterAll(() => api.stop())

const spark = (args: string[], options: Invocation = {}) =>
  invoke(args, { ...options, env: { SPARK_API_URL: api.url, SPARK_API_KEY: KEY, ...options.env } })
const sent = () =>
  api.received.map(({ method, path, query, body }) => ({ method, path: path.replace('/api/v1', ''), query, body }))

describe('lists', () => {
  const many = Array.from({ length: 250 }, (_, index) => ({ ...task, id: `task-${index}` }))
  beforeEach(() => {
    api.answer(({ query }) => ({ body: page(many, query) }))
  })
  const lines = (stdout: string) => stdout.trimEnd().split('\n').length - 1

  it('show 50 items, and say on stderr that there are more', async () => {
    const { stdout, stderr } = await spark(['tasks', 'list'])
    expect(lines(stdout)).toBe(50)
    expect(stderr).toBe('50 of 250; --all shows the rest.\n')
    expect(api.received).toHaveLength(1)
  })
  it('show as many items as --limit says, over several pages', async () => {
    const { stdout } = await spark(['tasks', 'list', '--limit', '120'])
    expect(lines(stdout)).toBe(120)
    expect(sent().map(({ query }) => query)).toEqual([{ limit: '100' }, { limit: '100', cursor: '100' }])
  })
  it('show all items with --all, as the JSON of the API', async () => {
    const { stdout, stderr } = await spark(['tasks', 'list', '--all', '--json'])
    expect(JSON.parse(stdout)).toEqual(many)
    expect(stderr).toBe('')
  })
  it('say what to do when they are empty, and leave stdout empty', async () => {
    api.answer(() => ({ body: page([], {}) }))
    expect(await spark(['sources', 'list'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'No sources. Connect one: automagik-spark sources create http://localhost:7860\n',
    })
    expect(await spark(['sources', 'list', '--json'])).toMatchObject({ code: 0, stdout: '[]\n', stderr: '' })
  })
  it.each([
    [['sources', 'list', '--status', 'inactive'], { status: 'inactive' }],
    [
      ['workflows', 'list', '--source', 'http://localhost:7860', '--search', 'a b'],
      { source: 'http://localhost:7860', search: 'a b' },
    ],
    [
      ['schedules', 'list', '--workflow', ids.workflow, '--status', 'paused'],
      { workflow_id: ids.workflow, status: 'paused' },
    ],
    [
      [
        'tasks',
        'list',
        '--workflow',
        ids.workflow,
        '--schedule',
        ids.schedule,
        '--status',
        'failed',
        '--trigger',
        'manual',
        '--after',
        '2026-01-01T00:00:00Z',
        '--before',
        '2026-02-01T00:00:00Z',
      ],
      {
        workflow_id: ids.workflow,
        schedule_id: ids.schedule,
        status: 'failed',
        trigger: 'manual',
        created_after: '2026-01-01T00:00:00Z',
        created_before: '2026-02-01T00:00:00Z',
      },
    ],
  ])('pass their filters on: %j', async (args, query) => {
    await spark([...args, '--limit', '5', '--json'])
    expect(sent()[0]?.query).toEqual({ limit: '5', ...query })
  })
})

describe('tables', () => {
  it.each([
    [
      ['sources', 'list'],
      `ID                                    NAME         TYPE      URL                    STATUS  HEALTH\n${ids.source}  My Langflow  langflow  http://localhost:7860  active  up\n`,
    ],
    [
      ['tasks', 'list'],
      `ID                                    STATUS     TRIGGER  CREATED (Europe/Lisbon)  TOOK   RESULT\n${ids.task}  completed  manual   2026-01-31 08:00:00      1.5 s  Hello to you\n`,
    ],
    [
      ['schedules', 'list'],
      `ID                                    NAME  SCHEDULE  STATUS  NEXT RUN (Europe/Lisbon)  LAST RUN\n${ids.schedule}  -     At 08:00  active  2026-07-01 08:00:00       -\n`,
    ],
    [
      ['schedules', 'occurrences', ids.schedule],
      `DUE (Europe/Lisbon)  UNTIL  DECISION  REASON  COUNT  DECIDED              TASK\n2026-01-31 08:00:00  -      started   -       1      2026-01-31 08:00:00  ${ids.task}\n`,
    ],
    [
      ['tasks', 'logs', ids.task],
      'AT (Europe/Lisbon)   TRY  EVENT    MESSAGE\n2026-01-31 08:00:00  0    created  created by a manual run\n',
    ],
  ])('of %j', async (args, expected) => {
    expect((await spark(args)).stdout).toBe(expected)
  })

  it('of one object shows its fields, and a graph only as JSON', async () => {
    const { stdout } = await spark(['workflows', 'get', ids.workflow])
    expect(stdout).toContain(`remote_flow_id     flow-1\n`)
    expect(stdout).not.toContain('secret graph')
    expect(JSON.parse((await spark(['workflows', 'get', ids.workflow, '--json'])).stdout)).toEqual(workflow)
  })
})
