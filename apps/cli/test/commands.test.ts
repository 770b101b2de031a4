import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type FakeApi,
  ids,
  KEY,
  remoteFlow,
  schedule,
  source,
  type Special,
  startFakeApi,
  workflow,
} from './fake-api.ts'
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

describe('sources', () => {
  it('create sends what was given and nothing else', async () => {
    const { stdout, stderr } = await spark([
      'sources',
      'create',
      'http://localhost:7860',
      '--name',
      'x',
      '--type',
      'langflow',
      '--max-concurrency',
      '5',
      '--api-key',
      'k1',
      '--json',
    ])
    expect(sent()).toEqual([
      {
        method: 'POST',
        path: '/sources',
        query: {},
        body: { url: 'http://localhost:7860', name: 'x', source_type: 'langflow', max_concurrency: 5, api_key: 'k1' },
      },
    ])
    expect(JSON.parse(stdout)).toEqual(source)
    expect(stderr).toBe('')
  })
  it.each([
    ['stdin', ['--api-key-stdin'], { stdin: ' from-stdin\n' }, 'from-stdin'],
    ['SOURCE_API_KEY', [], { env: { SOURCE_API_KEY: 'from-env' } }, 'from-env'],
    [
      'stdin before SOURCE_API_KEY',
      ['--api-key-stdin'],
      { stdin: 'from-stdin', env: { SOURCE_API_KEY: 'from-env' } },
      'from-stdin',
    ],
    ['nowhere', [], {}, undefined],
  ])('create takes the key from %s', async (_, args, options, expected) => {
    await spark(['sources', 'create', 'http://localhost:7860', ...args], options)
    expect(sent()[0]?.body).toEqual({ url: 'http://localhost:7860', ...(expected && { api_key: expected }) })
  })
  it('update changes only the given fields, and never takes the key from SOURCE_API_KEY', async () => {
    await spark(['sources', 'update', ids.source, '--status', 'inactive'], { env: { SOURCE_API_KEY: 'from-env' } })
    await spark(['sources', 'update', ids.source, '--remove-api-key'])
    expect(sent().map(({ method, body }) => [method, body])).toEqual([
      ['PATCH', { status: 'inactive' }],
      ['PATCH', { api_key: null }],
    ])
  })
  it.each([
    [['update', ids.source], 'Nothing to change'],
    [['update', ids.source, '--api-key', 'k', '--remove-api-key'], 'Either give a key'],
    [['create', 'http://x', '--api-key', 'k', '--api-key-stdin'], 'only once'],
    [['create', 'http://x', '--api-key-stdin'], 'no key on stdin'],
  ])('refuses %j', async (args, says) => {
    const { code, stderr } = await spark(['sources', ...args])
    expect(code).toBe(2)
    expect(stderr).toContain(says)
    expect(api.received).toEqual([])
  })
})

describe('workflows', () => {
  it('remote names the sources that could not be reached, on stderr', async () => {
    api.answer(() => ({ body: [remoteFlow], headers: { 'x-spark-unreachable': 'http://a:7860, http://b:7860' } }))
    const { code, stdout, stderr } = await spark(['workflows', 'remote', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual([remoteFlow])
    expect(stderr).toBe(
      'http://a:7860 could not be reached; its flows are missing here.\nhttp://b:7860 could not be reached; its flows are missing here.\n',
    )
  })
  it('remote shows one flow', async () => {
    await spark(['workflows', 'remote', 'flow/1', '--source', 'localhost:7860'])
    expect(sent()).toEqual([
      { method: 'GET', path: '/workflows/remote/flow%2F1', query: { source_url: 'localhost:7860' }, body: undefined },
    ])
  })
  it('sync copies one flow and shows its warnings', async () => {
    api.answer(() => ({ status: 201, body: { ...workflow, warnings: ['no chat input'] } }))
    const { stderr } = await spark([
      'workflows',
      'sync',
      'flow-1',
      '--source',
      'http://localhost:7860',
      '--input-component',
      'A',
      '--output-component',
      'B',
    ])
    expect(sent()).toEqual([
      {
        method: 'POST',
        path: '/workflows/sync/flow-1',
        query: { source_url: 'http://localhost:7860', input_component: 'A', output_component: 'B' },
        body: undefined,
      },
    ])
    expect(stderr).toBe('Warning: no chat input\nSynced.\n')
  })
  it.each([[['--all']], [['*']]])(
    'sync %j copies every flow of a source, and fails when some failed',
    async (which) => {
      api.answer(() => ({ body: { synced: [workflow], failed: [{ flow_id: 'flow-2', detail: 'has no input' }] } }))
      const { code, stdout, stderr } = await spark(['workflows', 'sync', ...which, '--source', 'http://localhost:7860'])
      expect(sent()[0]).toMatchObject({ path: '/workflows/sync/*', query: { source_url: 'http://localhost:7860' } })
      expect(code).toBe(1)
      expect(stdout).toContain(workflow.id)
      expect(stderr).toBe('flow-2: has no input\nerror: 1 of 2 flows could not be synced.\n')
    },
  )
  it('sync --all shows the warnings of each flow, and says when there is no flow', async () => {
    const all = () => spark(['workflows', 'sync', '--all', '--source', 'http://localhost:7860'])
    api.answer(() => ({ body: { synced: [{ ...workflow, warnings: ['no chat input'] }], failed: [] } }))
    expect(await all()).toMatchObject({ code: 0, stderr: 'Warning: Echo: no chat input\n' })
    api.answer(() => ({ body: { synced: [], failed: [] } }))
    expect(await all()).toMatchObject({ code: 0, stdout: '', stderr: 'The server has no flows.\n' })
  })
  it.each([
    [[], 'Name a flow'],
    [['--all'], 'Say which server'],
    [['f', '--all', '--source', 'x'], 'Either name a flow'],
  ])('sync refuses %j', async (args, says) => {
    const { code, stderr } = await spark(['workflows', 'sync', ...args])
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })
})

describe('schedules', () => {
  const create = (args: string[]) => spark(['schedules', 'create', '--workflow', ids.workflow, ...args])

  it.each([
    [
      ['--cron', '0 8 * * *', '--timezone', 'Europe/Lisbon', '--input', 'hi'],
      { schedule_type: 'cron', schedule_expr: '0 8 * * *', timezone: 'Europe/Lisbon', input_value: 'hi' },
    ],
    [
      ['--every', '15m', '--json-input', '{"a":1}'],
      { schedule_type: 'interval', schedule_expr: '15m', input_value: { a: 1 } },
    ],
    [['--at', 'now'], { schedule_type: 'one-time', schedule_expr: 'now' }],
    [
      ['--type', 'one-time', '--expr', '2026-12-24T18:00:00'],
      { schedule_type: 'one-time', schedule_expr: '2026-12-24T18:00:00' },
    ],
    [
      [
        '--every',
        '1h',
        '--name',
        'n',
        '--session',
        's',
        '--tweaks',
        '{}',
        '--overlap',
        'queue_all',
        '--misfire',
        'all',
        '--catchup-window',
        '0',
        '--jitter',
        '30',
        '--start-at',
        '2026-01-01T00:00:00Z',
        '--end-at',
        '2027-01-01T00:00:00Z',
        '--max-runs',
        '3',
        '--pause-after-failures',
        '4',
        '--max-retries',
        '0',
        '--retry-on',
        'failure',
        '--timeout',
        '60',
      ],
      {
        schedule_type: 'interval',
        schedule_expr: '1h',
        name: 'n',
        session_id: 's',
        tweaks: {},
        overlap: 'queue_all',
        misfire: 'all',
        catchup_window: 0,
        jitter: 30,
        start_at: '2026-01-01T00:00:00Z',
        end_at: '2027-01-01T00:00:00Z',
        max_runs: 3,
        pause_after_failures: 4,
        max_retries: 0,
        retry_on: 'failure',
        timeout: 60,
      },
    ],
  ])('create %j sends these fields and nothing else', async (args, body) => {
    expect(await create(args)).toMatchObject({ code: 0, stderr: 'Created.\n' })
    expect(sent()).toEqual([
      { method: 'POST', path: '/schedules', query: {}, body: { workflow_id: ids.workflow, ...body } },
    ])
  })
  it.each([
    [[], 'Say when'],
    [['--expr', '1m'], 'Say when'],
    [['--cron', '* * * * *', '--every', '1m'], 'Give one of'],
    [['--at', 'now', '--type', 'cron'], 'Give one of'],
    [['--every', '1m', '--input', 'a', '--json-input', '1'], 'only once'],
    [['--every', '1m', '--max-retries', '-1'], 'whole number, 0 or more'],
    [['--every', '1m', '--overlap', 'wait'], 'Allowed choices are skip, queue_all, queue_one, cancel_previous, allow'],
    [['--every', '1m', '--misfire', 'first'], 'Allowed choices are last, skip, all'],
    [['--every', '1m', '--jitter', '1m'], 'whole number, 0 or more'],
    [['--every', '1m', '--retry-on', 'always'], 'Allowed choices are safe, failure, unknown'],
  ])('create refuses %j', async (args, says) => {
    const { code, stderr } = await create(args)
    expect(code).toBe(2)
    expect(stderr).toContain(says)
    expect(api.received).toEqual([])
  })

  it('preview shows the times and the warnings', async () => {
    const when = [
      '--cron',
      '0 8 * * *',
      '--timezone',
      'Europe/Lisbon',
      '--from',
      '2026-01-31T00:00:00Z',
      '--count',
      '1',
    ]
    const { code, stdout, stderr } = await spark(['schedules', 'preview', ...when])
    expect(code).toBe(0)
    expect(stderr).toBe('At 08:00 (UTC)\nNote: Mind the clock.\n')
    expect(stdout).toContain('2026-01-31T08:00:00+00:00')
    expect(sent()).toEqual([
      {
        method: 'GET',
        path: '/schedules/preview',
        query: {
          schedule_type: 'cron',
          schedule_expr: '0 8 * * *',
          timezone: 'Europe/Lisbon',
          from: '2026-01-31T00:00:00Z',
          count: '1',
        },
        body: undefined,
      },
    ])
    expect((await spark(['schedules', 'preview'])).stderr).toContain('Say when')
  })

  it('backfill sends the span, and says what starts and what stays as it is', async () => {
    const span = ['--from', '2026-01-01T00:00:00Z', '--to', '2026-02-01T00:00:00Z']
    const { code, stdout, stderr } = await spark(['schedules', 'backfill', ids.schedule, ...span])
    expect(code).toBe(0)
    expect(stdout).toContain('missed (misfire)')
    expect(stdout).toContain(ids.task)
    expect(stderr).toContain('1 started')
    expect(stderr).toContain('2 had started before')
    expect(stderr).toContain('1 from 2026-01-31T08:00:00.000Z on is still to be decided')
    await spark(['schedules', 'backfill', ids.schedule, ...span, '--dry-run'])
    const [first, second] = sent()
    const body = { from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z' }
    expect(first).toEqual({ method: 'POST', path: `/schedules/${ids.schedule}/backfill`, query: {}, body })
    expect(second!.body).toEqual({ ...body, dry_run: true })
    expect((await spark(['schedules', 'backfill', ids.schedule, '--from', '2026-01-01T00:00:00Z'])).code).toBe(2)
  })

  it('update changes the given fields and clears those of --clear', async () => {
    await spark(['schedules', 'update', ids.schedule, '--every', '30m', '--clear', 'end_at', '--clear', 'max_runs'])
    expect(sent()).toEqual([
      {
        method: 'PATCH',
        path: `/schedules/${ids.schedule}`,
        query: {},
        body: { schedule_type: 'interval', schedule_expr: '30m', end_at: null, max_runs: null },
      },
    ])
  })
  it.each([
    [[], 'Nothing to change'],
    [['--clear', 'status'], 'It must be one of name, input_value'],
    [['--clear', 'name', '--name', 'x'], 'Either give name or clear it'],
  ])('update refuses %j', async (args, says) => {
    const { code, stderr } = await spark(['schedules', 'update', ids.schedule, ...args])
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })

  it.each([
    [['enable', ids.schedule], 'POST', 'enable', undefined],
    [['disable', ids.schedule], 'POST', 'disable', {}],
    [['disable', ids.schedule, '--reason', 'holidays'], 'POST', 'disable', { reason: 'holidays' }],
    [['run', ids.schedule], 'POST', 'run', undefined],
    [['occurrences', ids.schedule], 'GET', 'occurrences', undefined],
  ])('%j calls its endpoint', async (args, method, verb, body) => {
    expect(await spark(['schedules', ...args])).toMatchObject({ code: 0 })
    expect(sent()[0]).toMatchObject({ method, path: `/schedules/${ids.schedule}/${verb}`, body })
  })
})

describe('tasks', () => {
  it.each([
    [['retry', ids.task], 'retry', undefined, 'Pending again.'],
    [['replay', ids.task], 'replay', {}, 'Started as a new task.'],
    [['replay', ids.task, 'Hello again'], 'replay', { input_value: 'Hello again' }, 'Started as a new task.'],
    [['replay', ids.task, '--json-input', 'null'], 'replay', { input_value: null }, 'Started as a new task.'],
  ])('%j calls its endpoint and says how to wait for the end', async (args, verb, body, said) => {
    const { code, stderr } = await spark(['tasks', ...args])
    expect(code).toBe(0)
    expect(stderr).toBe(`${said} Wait for its end: automagik-spark tasks wait ${ids.task}\n`)
    expect(sent()).toEqual([{ method: 'POST', path: `/tasks/${ids.task}/${verb}`, query: {}, body }])
  })
  it('replay refuses two inputs', async () => {
    expect(await spark(['tasks', 'replay', ids.task, 'a', '--json-input', '1'])).toMatchObject({ code: 2 })
    expect(api.received).toEqual([])
  })
})

describe('deletes', () => {
  /** Two workflows with three schedules each and 812 tasks in all; a schedule with two pending tasks. */
  const things = [
    ['sources', ids.source, '1 source, 2 workflows, 6 schedules, 812 tasks', 'the source My Langflow'],
    ['workflows', ids.workflow, '1 workflow, 3 schedules, 406 tasks', 'the workflow Echo'],
    ['schedules', ids.schedule, '1 schedule and cancels 2 pending tasks', `the schedule "${schedule.description}"`],
    ['tasks', ids.task, '1 task', `the completed task ${ids.task}`],
  ] as const
  const pageOf = (items: unknown[], total: number) => ({
    body: { items, total, limit: 100, offset: 0, has_more: false, next_cursor: null },
  })
  const full: Special = ({ method, path, query }) => {
    if (method !== 'GET') return undefined
    const two = [
      { ...workflow, task_count: 406 },
      { ...workflow, id: ids.task, task_count: 406 },
    ]
    if (path === '/api/v1/workflows') return pageOf(query.source === ids.source ? two : [], 2)
    if (path === `/api/v1/workflows/${ids.workflow}`) return { body: two[0] }
    if (path === '/api/v1/schedules') return pageOf([], query.workflow_id ? 3 : 0)
    if (path === '/api/v1/tasks')
      return pageOf([], query.schedule_id === ids.schedule && query.status === 'pending' ? 2 : 0)
    return undefined
  }
  beforeEach(() => void api.answer(full))
  const deletes = () =>
    sent()
      .filter(({ method }) => method === 'DELETE')
      .map(({ path }) => path)

  it.each(things)(
    '%s: ask on a terminal, show what is deleted, and do nothing without a yes',
    async (group, id, goes, name) => {
      const { code, asked, stderr } = await spark([group, 'delete', id], { terminal: 80, answer: '' })
      expect({ code, asked, deletes: deletes() }).toEqual({
        code: 1,
        asked: [`This deletes ${goes}. Delete ${name}? [y/N] `],
        deletes: [],
      })
      expect(stderr).toContain('Nothing was deleted.')
    },
  )
  it.each(things)('%s: delete after a yes', async (group, id) => {
    expect(await spark([group, 'delete', id], { terminal: 80, answer: 'y' })).toMatchObject({ code: 0 })
    expect(deletes()).toEqual([`/${group}/${id}`])
  })
  it.each(things)(
    '%s: refuse without --yes and without a terminal, and show what would be deleted',
    async (group, id, goes) => {
      const { code, asked, stderr } = await spark([group, 'delete', id])
      expect({ code, asked, stderr, deletes: deletes() }).toEqual({
        code: 2,
        asked: [],
        stderr: `error: This deletes ${goes}: add --yes.\n`,
        deletes: [],
      })
    },
  )
  it.each(things)('%s: do not ask or count with --yes', async (group, id) => {
    for (const options of [{ terminal: 80 }, {}])
      expect(await spark([group, 'delete', id, '--yes'], options)).toMatchObject({ code: 0, asked: [] })
    expect(api.received.map(({ method }) => method)).toEqual(['DELETE', 'DELETE'])
  })
  it.each(things)('%s: say that the id is unknown instead of asking', async (group, id) => {
    api.answer(() => ({ status: 404, body: { detail: `${group} not found` } }))
    expect(await spark([group, 'delete', id], { terminal: 80, answer: 'y' })).toMatchObject({ code: 3, asked: [] })
  })
  it('name only what exists', async () => {
    api.answer(({ path }) =>
      path === '/api/v1/schedules'
        ? pageOf([], 0)
        : path.startsWith('/api/v1/workflows/')
          ? { body: { ...workflow, task_count: 0 } }
          : undefined,
    )
    expect((await spark(['workflows', 'delete', ids.workflow])).stderr).toBe(
      'error: This deletes 1 workflow: add --yes.\n',
    )
  })
})

describe('processes', () => {
  it.each([
    [['start'], 'start', {}],
    [
      ['start', '--port', '9000', '--host', '0.0.0.0', '--concurrency', '5'],
      'start',
      { API_PORT: '9000', API_HOST: '0.0.0.0', SPARK_WORKER_CONCURRENCY: '5' },
    ],
    [['api', 'start', '--port', '0'], 'apiStart', { API_PORT: '0' }],
    [['worker', 'start', '--concurrency', '5'], 'workerStart', { SPARK_WORKER_CONCURRENCY: '5' }],
  ])('%j is started with the variables that its options set', async (args, name, overrides) => {
    expect(await invoke(args)).toMatchObject({ code: 0, called: [[name, overrides]] })
  })
  it('db migrate lists what it applied, db status what is pending', async () => {
    expect(await invoke(['db', 'migrate'])).toMatchObject({
      code: 0,
      stdout: '20260101000000_init\n',
      stderr: '1 applied.\n',
    })
    expect(await invoke(['db', 'status'])).toMatchObject({
      code: 0,
      stdout: 'MIGRATION            STATUS\n20260101000000_init  applied\n20260201000000_more  pending\n',
      stderr: 'Apply the pending migrations: automagik-spark db migrate\n',
    })
  })
})
