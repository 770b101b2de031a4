import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, findConnection } from '../src/connect.ts'
import { KEY, startFakeApi, type FakeApi } from './fake-api.ts'
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
  it('is localhost:8883 when nothing is said', () => {
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

  it('is the one that the Spark of this folder has left, unless SPARK_API_URL is set', async () => {
    await put('.spark/api-url', 'http://127.0.0.1:45678\n')
    expect(find()).toMatchObject({ baseUrl: 'http://127.0.0.1:45678', urlFrom: join(cwd, '.spark/api-url') })
    expect(find({ SPARK_API_URL: 'http://localhost:1234' }).baseUrl).toBe('http://localhost:1234')
  })

  it('comes from the .env file of this folder, below the environment', async () => {
    await put('.env', 'SPARK_API_URL=http://localhost:1111\nSPARK_API_KEY="from the file"\n')
    expect(find()).toMatchObject({ baseUrl: 'http://localhost:1111', apiKey: 'from the file' })
    expect(find({ SPARK_API_URL: 'http://localhost:2222' }).baseUrl).toBe('http://localhost:2222')
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
    ['the data directory', {}, 'kept'],
    ['another data directory', { SPARK_DATA_DIR: 'elsewhere' }, 'kept elsewhere'],
  ])('comes from %s', async (_, env, expected) => {
    await put('.spark/api-key', 'kept\n')
    await put('elsewhere/api-key', 'kept elsewhere\n')
    expect(find(env).apiKey).toBe(expected)
  })

  it.each([
    ['http://localhost:8883', true],
    ['http://127.0.0.1:8883', true],
    ['http://[::1]:8883', true],
    ['http://spark.localhost', false],
    ['https://spark.example.com', false],
    ['http://127.0.0.1.example.com', false],
    ['http://localhost.example.com', false],
    ['http://192.168.1.5:8883', false],
  ])('of the data directory goes to %s: %s', async (SPARK_API_URL, goes) => {
    await put('.spark/api-key', 'kept\n')
    expect(find({ SPARK_API_URL }).apiKey).toBe(goes ? 'kept' : null)
  })

  it('and the address are found without any setting next to a running Spark', async () => {
    await put('.spark/api-url', `${api.url}\n`)
    await put('.spark/api-key', `${KEY}\n`)
    expect(await invoke(['sources', 'list'], { cwd })).toMatchObject({ code: 0 })
    expect(api.received[0]?.headers['x-api-key']).toBe(KEY)
  })

  it('when it is missing is said to be missing, with the file that was looked for', async () => {
    await put('.spark/api-url', api.url)
    const { code, stderr } = await invoke(['sources', 'list'], { cwd })
    expect(code).toBe(4)
    expect(stderr).toBe(`error: There is no API key for ${api.url}. Set SPARK_API_KEY: ${join(cwd, '.spark/api-key')} is not there.\n`)
  })
})
