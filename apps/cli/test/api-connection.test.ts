import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, findConnection } from '../src/api-connection.ts'
import { writePidFile } from '../src/pid-file.ts'
import { type FakeApi, KEY, startFakeApi } from './fake-api.ts'
import { invoke } from './invoke.ts'

let api: FakeApi
let cwd: string
beforeAll(async () => {
  api = await startFakeApi()
})
beforeEach(async () => {
  api.reset()
  cwd = await mkdtemp(join(tmpdir(), 'spark-cli-'))
  return () => rm(cwd, { recursive: true, force: true })
})
afterAll(() => api.stop())

const put = async (file: string, text: string) => {
  await mkdir(join(cwd, file, '..'), { recursive: true })
  await writeFile(join(cwd, file), text)
}
const find = (env: Record<string, string> = {}) => findConnection({ env, cwd })

describe('the address', () => {
  it('is localhost:8883 when nothing sets it', () => {
    expect(find()).toMatchObject({ baseUrl: 'http://localhost:8883', urlFrom: 'the default' })
  })

  it.each([
    ['API_PORT', { API_PORT: '9000' }, 'http://localhost:9000'],
    ['the old name of API_PORT', { AUTOMAGIK_SPARK_API_PORT: '9001' }, 'http://localhost:9001'],
    ['SPARK_API_URL', { SPARK_API_URL: 'https://spark.example.com', API_PORT: '9000' }, 'https://spark.example.com'],
    ['an empty SPARK_API_URL as none', { SPARK_API_URL: ' ', API_PORT: '9000' }, 'http://localhost:9000'],
  ])('follows %s', (_, env, baseUrl) => {
    expect(find(env).baseUrl).toBe(baseUrl)
  })

  it('is the one that the Spark of this folder has written, unless SPARK_API_URL is set', async () => {
    await put('.spark/api-url', 'http://127.0.0.1:45678\n')
    expect(find()).toMatchObject({ baseUrl: 'http://127.0.0.1:45678', urlFrom: join(cwd, '.spark/api-url') })
    expect(find({ SPARK_API_URL: 'http://localhost:1234' }).baseUrl).toBe('http://localhost:1234')
  })

  it('comes from the .env file of this folder, below the environment', async () => {
    await put('.env', 'SPARK_API_URL=http://localhost:1111\nSPARK_API_KEY="from the file"\n')
    expect(find()).toMatchObject({ baseUrl: 'http://localhost:1111', apiKey: 'from the file' })
    expect(find({ SPARK_API_URL: 'http://localhost:2222', SPARK_API_KEY: 'k' })).toMatchObject({
      baseUrl: 'http://localhost:2222',
      apiKey: 'k',
    })
  })

  it.each([
    ['SPARK_API_URL', { SPARK_API_URL: 'spark.example.com' }],
    ['SPARK_API_KEY', { SPARK_API_KEY: 'two words' }],
  ])('a wrong %s is named, and its value is not shown when it is a key', (name, env) => {
    expect(() => connect(find(env))).toThrow(new RegExp(`^${name}`))
    expect(() => connect(find(env))).not.toThrow('two words')
  })
})

describe('the key', () => {
  it.each([
    ['SPARK_API_KEY', { SPARK_API_KEY: 'given', AUTOMAGIK_SPARK_API_KEY: 'old' }, 'given'],
    ['its old name', { AUTOMAGIK_SPARK_API_KEY: 'old' }, 'old'],
  ])('of the environment comes from %s, and is sent to the default address', (_, env, expected) => {
    expect(find(env)).toMatchObject({ baseUrl: 'http://localhost:8883', apiKey: expected })
  })

  it.each(['SPARK_API_KEY_FILE', 'AUTOMAGIK_SPARK_API_KEY_FILE'])('is read from the file in %s', async (name) => {
    await put('key', `${KEY}\n`)
    const env = { [name]: join(cwd, 'key'), SPARK_API_URL: api.url }
    expect(await invoke(['sources', 'list'], { cwd, env })).toMatchObject({ code: 0 })
    expect(api.received[0]?.headers['x-api-key']).toBe(KEY)
  })

  it('in a file that is of no use is an error that names the variable, the path and the reason', async () => {
    const listed = (env: Record<string, string>) => invoke(['sources', 'list'], { cwd, env })
    expect(await listed({ SPARK_API_KEY_FILE: '/nowhere/key' })).toMatchObject({
      code: 1,
      stderr: 'error: SPARK_API_KEY_FILE="/nowhere/key" cannot be read: there is no such file.\n',
    })
    expect(await listed({ SPARK_API_KEY_FILE: '/nowhere/key', SPARK_API_KEY: KEY })).toMatchObject({
      code: 1,
      stderr: 'error: SPARK_API_KEY and SPARK_API_KEY_FILE are both set: remove one of them.\n',
    })
    await put('key', 'two words')
    const wrong = await listed({ SPARK_API_KEY_FILE: 'key' })
    expect(wrong.stderr).toMatch(/SPARK_API_KEY_FILE/)
    expect(wrong.stderr).not.toContain('two words')
  })

  it.each([
    ['.spark', {}],
    ['elsewhere', { SPARK_DATA_DIR: 'elsewhere' }],
  ])('and the address are found in the data directory %s without any other setting', async (dir, env) => {
    await put(`${dir}/api-url`, `${api.url}\n`)
    await put(`${dir}/api-key`, `${KEY}\n`)
    expect(await invoke(['sources', 'list'], { cwd, env })).toMatchObject({ code: 0 })
    expect(api.received[0]?.headers['x-api-key']).toBe(KEY)
  })

  it('that is missing is an error that names the expected file', async () => {
    await put('.spark/api-url', api.url)
    const { code, stderr } = await invoke(['sources', 'list'], { cwd })
    expect(code).toBe(4)
    expect(stderr).toBe(
      `error: There is no API key for ${api.url}. Set SPARK_API_URL and SPARK_API_KEY: ${join(cwd, '.spark/api-key')} does not exist.\n`,
    )
  })
})

/** Each test runs `sources list` in a folder whose files name the listening API, while the key is set elsewhere. */
describe('a key is sent only to an address from the same place', () => {
  const state = () => ({ XDG_STATE_HOME: join(cwd, 'state') })
  const listen = async (env: Record<string, string>) => {
    const { code, stderr } = await invoke(['sources', 'list'], { cwd, env: { ...state(), ...env } })
    return { code, stderr, heard: api.received.map(({ headers }) => headers['x-api-key'] ?? 'no key') }
  }
  const refused = (key: string, from: string, by: string) => ({
    code: 4,
    stderr: `error: ${key} of ${from} is not sent to ${api.url}, which ${by} names: set both in one place.\n`,
    heard: [],
  })

  it.each(['SPARK_API_KEY', 'AUTOMAGIK_SPARK_API_KEY'])(
    '%s of the environment is not sent to the address in the .env of a cloned folder',
    async (key) => {
      await put('.env', `SPARK_API_URL=${api.url}\n`)
      expect(await listen({ [key]: KEY })).toEqual(refused(key, 'the environment', '.env'))
    },
  )

  it('a key of the environment is not sent to the port in a .env', async () => {
    await put('.env', `API_PORT=${api.port}\n`)
    expect(await listen({ SPARK_API_KEY: KEY })).toMatchObject({ code: 4, heard: [] })
  })

  it.each([
    ['.spark', ''],
    ['hidden', 'SPARK_DATA_DIR=hidden\n'],
  ])('a key of the environment or of .env is not sent to the address in %s of a cloned folder', async (dir, dotEnv) => {
    await put(`${dir}/api-url`, api.url)
    await put('.env', dotEnv)
    expect(await listen({ SPARK_API_KEY: KEY })).toEqual(
      refused('SPARK_API_KEY', 'the environment', join(cwd, dir, 'api-url')),
    )
    await put('.env', `${dotEnv}SPARK_API_KEY=${KEY}\n`)
    expect(await listen({})).toEqual(refused('SPARK_API_KEY', '.env', join(cwd, dir, 'api-url')))
  })

  it('a key of .env is not sent to the address of the environment', async () => {
    await put('.env', `SPARK_API_KEY=${KEY}\n`)
    expect(await listen({ SPARK_API_URL: api.url })).toEqual(refused('SPARK_API_KEY', '.env', 'the environment'))
  })

  it.each([
    ['the environment', true, ''],
    ['.env', false, ''],
    ['.env by a port', false, 'port'],
  ])(
    'the key of the data directory is not sent to the address in %s, not even on this machine',
    async (_, inEnvironment, kind) => {
      await put('.spark/api-key', KEY)
      await put('.spark/api-url', kind === '' ? 'http://localhost:1' : '')
      if (!inEnvironment) await put('.env', kind === 'port' ? `API_PORT=${api.port}` : `SPARK_API_URL=${api.url}`)
      const { code, stderr, heard } = await listen(inEnvironment ? { SPARK_API_URL: api.url } : {})
      expect({ code, heard }).toEqual({ code: 4, heard: ['no key'] })
      expect(stderr).toContain(`the key in ${join(cwd, '.spark')} is sent only to the address in its file api-url`)
    },
  )

  it('a file that a link in a cloned folder points to is not sent', async () => {
    await put('.spark/api-url', api.url)
    await put('secret', KEY)
    await symlink(join(cwd, 'secret'), join(cwd, '.spark/api-key'))
    const { code, stderr, heard } = await listen({})
    expect({ code, heard }).toEqual({ code: 4, heard: [] })
    expect(stderr).toContain(`${join(cwd, '.spark/api-key')} is a link that leads out of its folder`)
  })

  it.each([
    ['the address in it', () => `SPARK_API_URL=${api.url}\n`, {}],
    ['the port in it', () => `API_PORT=${api.port}\n`, {}],
    ['the address of the environment', () => '', { SPARK_API_URL: 'own' }],
    ['the default address', () => '', {}],
  ])('a file that a .env names is not sent to %s', async (_, dotEnv, env) => {
    await put('secret', KEY)
    await put('.env', `${dotEnv()}SPARK_API_KEY_FILE=${join(cwd, 'secret')}\n`)
    expect(await listen('SPARK_API_URL' in env ? { SPARK_API_URL: api.url } : {})).toEqual({
      code: 4,
      stderr: `error: SPARK_API_KEY_FILE of .env is read only for the Spark that you run on ${join(cwd, '.spark')}: set it and SPARK_API_URL in the environment.\n`,
      heard: [],
    })
  })

  it('a file that a .env names is not even read when there is another key', async () => {
    await put('.env', 'SPARK_API_KEY_FILE=/nowhere/key\n')
    expect(await listen({ SPARK_API_URL: api.url, SPARK_API_KEY: KEY })).toMatchObject({ code: 0, heard: [KEY] })
  })

  it("a flow server's key of the environment is not sent to the address in .env, even when .env has a key for it", async () => {
    await put('.env', `SPARK_API_URL=${api.url}\nSPARK_API_KEY=${KEY}\n`)
    const { code, stderr } = await invoke(['sources', 'create', 'http://localhost:7860'], {
      cwd,
      env: { ...state(), SOURCE_API_KEY: 'sk-canary' },
    })
    expect({ code, stderr, heard: api.received }).toEqual({
      code: 4,
      heard: [],
      stderr: `error: SOURCE_API_KEY of the environment is not sent to ${api.url}, which .env names: set SPARK_API_URL in the environment, too, or use --api-key-stdin.\n`,
    })
    expect(
      await invoke(['sources', 'create', 'http://localhost:7860', '--api-key-stdin'], {
        cwd,
        stdin: 'sk-given',
        env: { ...state(), SOURCE_API_KEY: 'sk-canary' },
      }),
    ).toMatchObject({ code: 0 })
    expect(api.received.map(({ body }) => body)).toEqual([{ url: 'http://localhost:7860', api_key: 'sk-given' }])
  })

  it('a key from the same place as the address is sent, whatever keys other places have', async () => {
    await put('.env', `SPARK_API_URL=${api.url}\nSPARK_API_KEY=${KEY}\n`)
    expect(await listen({ SPARK_API_KEY: 'of the environment' })).toMatchObject({ code: 0, heard: [KEY] })
    await put('.env', '')
    await put('.spark/api-url', api.url)
    await put('.spark/api-key', KEY)
    expect(await listen({ SPARK_API_KEY: 'of the environment' })).toMatchObject({ code: 0, heard: [KEY, KEY] })
  })

  it('a key of the environment or of .env is sent to the Spark that this user runs on the data directory', async () => {
    await put('.spark/api-url', api.url)
    const removePidFile = writePidFile(state(), { dataDir: join(cwd, '.spark'), url: api.url, pid: process.pid })
    expect(await listen({ SPARK_API_KEY: KEY })).toMatchObject({ code: 0, heard: [KEY] })
    expect(await listen({ SPARK_API_KEY: KEY, SPARK_API_URL: api.url })).toMatchObject({ code: 0, heard: [KEY, KEY] })
    await put('.env', `SPARK_API_KEY=${KEY}\n`)
    expect(await listen({})).toMatchObject({ code: 0, heard: [KEY, KEY, KEY] })
    await put('secret', `${KEY}\n`)
    await put('.env', 'SPARK_API_KEY_FILE=secret\n')
    expect(await listen({})).toMatchObject({ code: 0, heard: [KEY, KEY, KEY, KEY] })
    removePidFile()
    expect(await listen({})).toMatchObject({ code: 4 })
  })

  it.each(['', '/', '/api/v1', '/api/v1/'])(
    'the key of the data directory is sent to its own address, also when the environment writes that as …%s',
    async (end) => {
      await put('.spark/api-url', api.url)
      await put('.spark/api-key', KEY)
      expect(await listen({ SPARK_API_URL: `${api.url}${end}` })).toMatchObject({ code: 0, heard: [KEY] })
    },
  )

  it.each([
    ['process has ended', (dir: string) => ({ dataDir: dir, url: api.url, pid: 2 ** 22 + 1 })],
    ['Spark now listens elsewhere', (dir: string) => ({ dataDir: dir, url: 'http://localhost:1', pid: process.pid })],
  ])('a key of the environment is not sent when the %s', async (_, record) => {
    await put('.spark/api-url', api.url)
    writePidFile(state(), record(join(cwd, '.spark')))
    expect(await listen({ SPARK_API_KEY: KEY })).toMatchObject({ code: 4, heard: [] })
  })

  it('a .env cannot choose where PID files are', async () => {
    await put('.spark/api-url', api.url)
    writePidFile(
      { XDG_STATE_HOME: join(cwd, 'planted') },
      { dataDir: join(cwd, '.spark'), url: api.url, pid: process.pid },
    )
    await put('.env', `XDG_STATE_HOME=${join(cwd, 'planted')}\nHOME=${cwd}\n`)
    expect(await listen({ SPARK_API_KEY: KEY })).toMatchObject({ code: 4, heard: [] })
  })
})
