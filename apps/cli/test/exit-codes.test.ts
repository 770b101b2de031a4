import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, ids, KEY, startFakeApi } from './fake-api.ts'
import { type Invocation, invoke } from './invoke.ts'

let api: FakeApi
beforeAll(async () => {
  api = await startFakeApi()
})
beforeEach(() => api.reset())
afterAll(() => api.stop())

const spark = (args: string[], options: Invocation = {}) =>
  invoke(args, { ...options, env: { SPARK_API_URL: api.url, SPARK_API_KEY: KEY, ...options.env } })

describe('exit codes', () => {
  const reply = (status: number, body: unknown) => api.answer(() => ({ status, body }))

  it('0 after a success', async () => {
    expect(await spark(['sources', 'get', ids.source])).toMatchObject({ code: 0, stderr: '' })
  })
  it('1 when the operation failed', async () => {
    reply(400, { detail: 'Failed to validate source: the connection was refused' })
    expect(await spark(['sources', 'create', 'http://localhost:1'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'error: Failed to validate source: the connection was refused.\n',
    })
  })
  it('1 when Spark failed, with the request id for its log', async () => {
    reply(500, { detail: 'Internal Server Error' })
    expect(await spark(['schedules', 'run', ids.schedule])).toMatchObject({
      code: 1,
      stderr: "error: Internal Server Error. Spark's log says more under request id req-1.\n",
    })
  })
  it('2 when a field is wrong', async () => {
    reply(400, { detail: 'id: must be a UUID', errors: [{ path: 'id', message: 'must be a UUID' }] })
    expect(await spark(['tasks', 'get', 'x'])).toMatchObject({ code: 2, stderr: 'error: id: must be a UUID.\n' })
  })
  it('3 when the id is unknown', async () => {
    reply(404, { detail: 'Task not found' })
    expect(await spark(['tasks', 'get', ids.task])).toMatchObject({
      code: 3,
      stderr: 'error: Task not found. See: automagik-spark tasks list\n',
    })
  })
  it('4 when the key is wrong', async () => {
    expect(await spark(['tasks', 'list'], { env: { SPARK_API_KEY: 'wrong' } })).toMatchObject({
      code: 4,
      stderr: `error: Invalid API key. ${api.url} does not accept the key from SPARK_API_KEY; set SPARK_API_KEY.\n`,
    })
  })
  it('5 when the API cannot be reached', async () => {
    const gone = await startFakeApi()
    await gone.stop()
    expect(await spark(['tasks', 'list'], { env: { SPARK_API_URL: gone.url } })).toMatchObject({
      code: 5,
      stderr: `error: Cannot reach Spark at ${gone.url}: the connection was refused (the address is from SPARK_API_URL). Start Spark with \`automagik-spark start\`, or set SPARK_API_URL.\n`,
    })
  })
  it('130 after Ctrl-C', async () => {
    const interrupt = new AbortController()
    api.answer(() => {
      interrupt.abort()
      return 'hang'
    })
    expect(await spark(['tasks', 'list'], { interrupt })).toEqual({
      code: 130,
      stdout: '',
      stderr: '',
      asked: [],
      called: [],
    })
  })
})
