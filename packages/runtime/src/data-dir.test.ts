import { randomBytes, randomFillSync } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getuid, platform } from 'node:process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DataDirError, openDataDir, writeApiUrl } from './data-dir.ts'

let folder: string
let dir: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spark-data-'))
  dir = join(folder, 'nested', '.spark')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const random = (bytes: Uint8Array) => randomFillSync(bytes)
const open = (warn?: (message: string) => void) => openDataDir({ dir, random, ...(warn && { warn }) })
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)

describe('openDataDir', () => {
  it('makes both keys once and finds them again', async () => {
    const first = await open()
    const [api, encryption] = [await first.apiKey(), await first.encryptionKey()]
    expect(api).toEqual({
      value: expect.stringMatching(/^spark_[\w-]{43}$/) as string,
      created: true,
      file: join(dir, 'api-key'),
    })
    expect(encryption).toMatchObject({ created: true, file: join(dir, 'encryption-key') })
    expect(encryption.value).toHaveLength(32)

    const second = await open()
    expect(await second.apiKey()).toEqual({ ...api, created: false })
    expect(await second.encryptionKey()).toEqual({ ...encryption, created: false })
    expect(second.dir).toBe(dir)
  })

  it('says whether nothing was in it before', async () => {
    expect((await open()).isNew).toBe(true)
    expect((await open()).isNew).toBe(true) // nothing is kept there yet
    await (await open()).encryptionKey()
    expect((await open()).isNew).toBe(false)
  })

  it('takes an empty volume for new', async () => {
    mkdirSync(join(dir, 'lost+found'), { recursive: true })
    expect((await open()).isNew).toBe(true)
    writeFileSync(join(dir, 'postgres.json'), '{}')
    expect((await open()).isNew).toBe(false)
  })

  it('makes no key that nobody asked for', async () => {
    await open()
    expect(readdirSync(dir)).toEqual(['.gitignore'])
    expect(readFileSync(join(dir, '.gitignore'), 'utf8')).toBe('*\n')
  })

  it.skipIf(platform === 'win32')('lets nobody else read the keys, and says nothing of it', async () => {
    const warnings: string[] = []
    const data = await open((message) => warnings.push(message))
    await data.apiKey()
    await data.encryptionKey()
    expect(mode(join(dir, 'api-key'))).toBe('600')
    expect(mode(join(dir, 'encryption-key'))).toBe('600')
    expect(mode(dir)).toBe(getuid?.() === 0 ? '711' : '700')
    expect(warnings).toEqual([])
  })

  it('gives one key to all who start at once', async () => {
    const keys = await Promise.all(
      Array.from(
        { length: 20 },
        async () => [await (await open()).apiKey(), await (await open()).encryptionKey()] as const,
      ),
    )
    expect(new Set(keys.map(([api]) => api.value)).size).toBe(1)
    expect(new Set(keys.map(([, encryption]) => Buffer.from(encryption.value).toString('hex'))).size).toBe(1)
    expect(keys.filter(([api]) => api.created)).toHaveLength(1)
    expect(keys.filter(([, encryption]) => encryption.created)).toHaveLength(1)
    expect(readdirSync(dir).sort()).toEqual(['.gitignore', 'api-key', 'encryption-key'])
  })

  it('takes a key that a person put there', async () => {
    await open()
    writeFileSync(join(dir, 'api-key'), 'my-own-key-0123456789', { mode: 0o600 })
    expect(await (await open()).apiKey()).toMatchObject({ value: 'my-own-key-0123456789', created: false })
  })

  it.each(['', '\n', 'short', 'two words of many characters', `spark_${'x'.repeat(600)}`])(
    'says that an API key file holding %j is damaged, and leaves it alone',
    async (text) => {
      const data = await open()
      writeFileSync(join(dir, 'api-key'), text)
      await expect(data.apiKey()).rejects.toThrow(`${join(dir, 'api-key')} is damaged`)
      expect(readFileSync(join(dir, 'api-key'), 'utf8')).toBe(text)
    },
  )

  it('never replaces a damaged encryption key, and does not show it', async () => {
    const data = await open()
    const damaged = randomBytes(31).toString('base64')
    writeFileSync(join(dir, 'encryption-key'), damaged)
    const error = await data.encryptionKey().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(DataDirError)
    expect(String(error)).toContain('Restore it from a backup')
    expect(String(error)).not.toContain(damaged)
    expect(readFileSync(join(dir, 'encryption-key'), 'utf8')).toBe(damaged)
  })

  it('says why a key cannot be read', async () => {
    const data = await open()
    mkdirSync(join(dir, 'api-key'))
    await expect(data.apiKey()).rejects.toThrow(/api-key cannot be read \(EISDIR\)/)
  })

  it('says why the directory cannot be made', async () => {
    writeFileSync(join(folder, 'nested'), 'a file')
    await expect(open()).rejects.toThrow(/cannot be made or written \(ENOTDIR\): choose another with SPARK_DATA_DIR/)
  })

  it.skipIf(platform === 'win32')(
    'closes what others could read or write, says so once, and never widens',
    async () => {
      const warnings: string[] = []
      await (await open()).apiKey()
      chmodSync(dir, 0o777)
      chmodSync(join(dir, 'api-key'), 0o644)
      for (let start = 0; start < 2; start++) await (await open((message) => warnings.push(message))).apiKey()
      expect(mode(dir)).toBe('755')
      expect(mode(join(dir, 'api-key'))).toBe('600')
      expect(warnings).toEqual([
        `${dir} could be written by other users of this machine until now`,
        `${join(dir, 'api-key')} could be read by other users of this machine until now`,
      ])

      chmodSync(join(dir, 'api-key'), 0o400)
      await (await open()).apiKey()
      expect(mode(join(dir, 'api-key'))).toBe('400')
    },
  )
})

/** As the CLI reads it. */
const readLocalApi = async (dataDir: string) => {
  const read = (name: string) =>
    existsSync(join(dataDir, name)) ? readFileSync(join(dataDir, name), 'utf8').trim() : null
  return { api_url: read('api-url'), api_key: read('api-key') }
}

describe('the address of the running API', () => {
  it('is there for the CLI while the API runs', async () => {
    const { value } = await (await open()).apiKey()
    expect(await readLocalApi(dir)).toEqual({ api_url: null, api_key: value })
    const remove = await writeApiUrl(dir, 'http://127.0.0.1:8883')
    expect(await readLocalApi(dir)).toEqual({ api_url: 'http://127.0.0.1:8883', api_key: value })
    await remove()
    expect(await readLocalApi(dir)).toEqual({ api_url: null, api_key: value })
    await remove()
    expect(readdirSync(dir).sort()).toEqual(['.gitignore', 'api-key'])
  })

  it('of another process is left alone', async () => {
    await open()
    const remove = await writeApiUrl(dir, 'http://127.0.0.1:1')
    await writeApiUrl(dir, 'http://127.0.0.1:2')
    await remove()
    expect((await readLocalApi(dir)).api_url).toBe('http://127.0.0.1:2')
  })
})
