import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, health, ids, KEY, startFakeApi, task } from './fake-api.ts'
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

describe('workflows run', () => {
  const run = (args: string[], options?: Invocation) => spark(['workflows', 'run', ids.workflow, ...args], options)
  const states = (...statuses: string[]) => {
    let looks = 0
    api.answer(({ method, path }) =>
      method === 'GET' && path.includes('/tasks/')
        ? { body: { ...task, status: statuses[Math.min(looks++, statuses.length - 1)] } }
        : undefined,
    )
  }

  it('prints the text of the answer, and the progress on stderr', async () => {
    states('pending', 'running', 'completed')
    expect(await run(['Hello'])).toMatchObject({
      code: 0,
      stdout: 'Hello to you\n',
      stderr: `Task ${ids.task} is pending\nTask ${ids.task} is running\n`,
    })
    expect(sent()[0]).toEqual({
      method: 'POST',
      path: `/workflows/${ids.workflow}/run`,
      query: { wait: 'false' },
      body: { input_value: 'Hello' },
    })
  })
  it('says that the input is empty', async () => {
    expect(await run(['', '--no-wait'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^The input is empty\.\n/),
    })
  })
  it('without an input sends none, and says so', async () => {
    expect(await run(['--no-wait'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^No input is sent: the flow uses the input that is stored in it\.\n/),
    })
    expect(sent()[0]?.body).toEqual({})
  })
  it('prints the task as JSON', async () => {
    expect(JSON.parse((await run(['Hello', '--json'])).stdout)).toEqual(task)
  })
  it('prints the whole output when it has no text', async () => {
    api.answer(({ path }) =>
      path.includes('/tasks/') ? { body: { ...task, output_data: { answer: [1] } } } : undefined,
    )
    expect(JSON.parse((await run(['x'])).stdout)).toEqual({ answer: [1] })
  })
  it.each([
    ['failed', 'error: Task ID failed: The flow broke. See: automagik-spark tasks logs ID\n'],
    ['cancelled', 'error: Task ID cancelled: The flow broke. See: automagik-spark tasks logs ID\n'],
  ])('ends with 1 when the run %s, also as JSON', async (status, message) => {
    api.answer(({ path }) =>
      path.includes('/tasks/') ? { body: { ...task, status, error: 'The flow broke', output_data: null } } : undefined,
    )
    expect(await run(['x'])).toMatchObject({ code: 1, stdout: '', stderr: message.replaceAll('ID', ids.task) })
    const asJson = await run(['x', '--json'])
    expect(asJson.code).toBe(1)
    expect(JSON.parse(asJson.stdout)).toMatchObject({ status })
  })
  it('with --no-wait prints the pending task', async () => {
    const { code, stdout, stderr } = await run(['x', '--no-wait'])
    expect(code).toBe(0)
    expect(stdout).toContain('status               pending\n')
    expect(stderr).toBe(`Started. Wait for its end: automagik-spark tasks wait ${ids.task}\n`)
    expect(api.received).toHaveLength(1)
  })
  it('passes its options on', async () => {
    await run([
      'x',
      '--session',
      's',
      '--tweaks',
      '{"a":1}',
      '--max-retries',
      '2',
      '--retry-on',
      'unknown',
      '--timeout',
      '30',
    ])
    expect(sent()[0]?.body).toEqual({
      input_value: 'x',
      session_id: 's',
      tweaks: { a: 1 },
      max_retries: 2,
      retry_on: 'unknown',
      timeout: 30,
    })
  })

  it.each([
    ['--json-input', ['--json-input', '{"a":[1]}'], undefined, { a: [1] }],
    ['--json-input null', ['--json-input', 'null'], undefined, null],
    ['stdin, without the last line break', ['--input-file', '-'], 'one\ntwo\n', 'one\ntwo'],
    ['an empty text', [''], undefined, ''],
  ])('takes the input from %s', async (_, args, stdin, expected) => {
    await run(args, stdin === undefined ? {} : { stdin })
    expect(sent()[0]?.body).toEqual({ input_value: expected })
  })
  it('takes the input from a file, relative to this folder', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'spark-cli-'))
    try {
      await writeFile(join(cwd, 'in.txt'), 'olá\r\n')
      await run(['--input-file', 'in.txt'], { cwd })
      expect(sent()[0]?.body).toEqual({ input_value: 'olá' })
    } finally {
      await rm(cwd, { recursive: true })
    }
  })
  it.each([
    [['x', '--json-input', '1'], 'only once'],
    [['--input-file', 'missing.txt'], 'missing.txt cannot be read (ENOENT)'],
    [['--json-input', '{'], 'It must be JSON'],
    [['x', '--tweaks', '[]'], 'It must be a JSON object'],
  ])('refuses %j', async (args, says) => {
    const { code, stderr } = await run(args)
    expect(code).toBe(2)
    expect(stderr).toContain(says)
    expect(api.received).toEqual([])
  })

  it('fails and says what to do when no worker is running', async () => {
    api.answer(({ path }) =>
      path === '/health'
        ? { body: health(0) }
        : path.includes('/tasks/')
          ? { body: { ...task, status: 'pending', tries: 0 } }
          : undefined,
    )
    const { code, stderr } = await run(['x'])
    expect(code).toBe(1)
    expect(stderr).toContain(
      `No worker is running, so task ${ids.task} stays pending. Start one with \`automagik-spark worker start\`, then: automagik-spark tasks wait ${ids.task}`,
    )
  })
  it('says after Ctrl-C that the run continues', async () => {
    const interrupt = new AbortController()
    states('running')
    const running = run(['x'], { interrupt })
    await expect.poll(() => api.received.length).toBeGreaterThan(1)
    interrupt.abort()
    expect(await running).toMatchObject({
      code: 130,
      stdout: '',
      stderr: expect.stringContaining(`Task ${ids.task} continues. Stop it: automagik-spark tasks cancel ${ids.task}`),
    })
  })
})

describe('tasks', () => {
  it('wait prints the answer', async () => {
    expect(await spark(['tasks', 'wait', ids.task])).toMatchObject({ code: 0, stdout: 'Hello to you\n' })
  })
  it('wait ends with 1 when the time is up; the run continues', async () => {
    api.answer(() => ({ body: { ...task, status: 'running' } }))
    const { code, stderr } = await spark(['tasks', 'wait', ids.task, '--timeout', '1'])
    expect(code).toBe(1)
    expect(stderr).toContain(`Task ${ids.task} is not finished after 1 s (running); it continues.`)
  })
  it.each([
    ['cancelled', 'Cancelled.\n'],
    ['running', `Asked to stop. Wait for its end: automagik-spark tasks wait ${ids.task}\n`],
  ])('cancel says whether the run is stopped: %s', async (status, message) => {
    api.answer(() => ({ body: { ...task, status } }))
    expect(await spark(['tasks', 'cancel', ids.task])).toMatchObject({ code: 0, stderr: message })
  })
})
