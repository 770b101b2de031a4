import { describe, expect, it } from 'vitest'
import { findSecret, MAX_SECRET_FILE_BYTES } from './secret-file.ts'

const NAMES = ['KEY', 'OLD_KEY']
const PATH = '/run/secrets/key'
const bytesOf = (text: string) => new TextEncoder().encode(text)

/** What is found when the file at any path has this content. */
const find = (env: Record<string, string>, content: string | Uint8Array = 'of-the-file\n') => {
  const found = findSecret(env, NAMES, () => (typeof content === 'string' ? bytesOf(content) : content))
  return found && { name: found.name, ...found.read() }
}
const failing = (code: string, path = PATH) =>
  findSecret({ KEY_FILE: path }, NAMES, () => {
    throw Object.assign(new Error(`${code}: ${path}`), { code })
  })?.read()

describe('findSecret', () => {
  it.each([
    ['nothing', {}, null],
    ['blank texts as nothing', { KEY: ' ', KEY_FILE: '' }, null],
    ['a value', { KEY: ' v\r' }, { name: 'KEY', secret: 'v' }],
    ['the first of two values', { OLD_KEY: 'o', KEY: 'v' }, { name: 'KEY', secret: 'v' }],
    ['a file', { KEY: '', KEY_FILE: PATH }, { name: 'KEY_FILE', secret: 'of-the-file' }],
    ['a file of the old name', { OLD_KEY_FILE: PATH }, { name: 'OLD_KEY_FILE', secret: 'of-the-file' }],
  ])('finds %s', (_, env, expected) => {
    expect(find(env)).toEqual(expected)
  })

  it.each([
    [{ KEY: 'canary', KEY_FILE: PATH }, 'KEY and KEY_FILE'],
    [{ OLD_KEY: 'canary', KEY_FILE: PATH }, 'OLD_KEY and KEY_FILE'],
    [{ KEY: 'canary', OLD_KEY_FILE: PATH }, 'KEY and OLD_KEY_FILE'],
    [{ OLD_KEY_FILE: PATH, KEY_FILE: PATH }, 'OLD_KEY_FILE and KEY_FILE'],
  ])('refuses a file beside another form', (env, names) => {
    expect(find(env)).toMatchObject({ problem: `${names} are both set: remove one of them` })
  })

  it('reads a file only when the value is asked for', () => {
    const found = findSecret({ KEY_FILE: PATH }, NAMES, () => {
      throw new Error('was read')
    })
    expect(found).toMatchObject({ variable: 'KEY', isFile: true, name: 'KEY_FILE' })
  })

  it.each([
    ['one line end', 'secret\n', 'secret'],
    ['one line end of Windows', 'secret\r\n', 'secret'],
    ['a byte order mark', '\ufeffsecret', 'secret'],
    ['no more than one line end', ' a b \n\n', ' a b \n'],
  ])('cuts %s', (_, content, secret) => {
    expect(find({ KEY_FILE: PATH }, content)).toMatchObject({ secret })
  })

  it.each([
    ['is empty', ''],
    ['is empty', '\n'],
    ['is empty', ' \r\n\n'],
    ['is too large for a secret: at most 65536 bytes', 'canary'.padEnd(MAX_SECRET_FILE_BYTES + 1, 'x')],
    ['is not UTF-8 text', new Uint8Array([0xff, 0xfe, 0x41, 0x00])],
  ])('says that a file %s', (why, content) => {
    expect(find({ KEY_FILE: PATH }, content)).toMatchObject({ problem: `KEY_FILE="${PATH}" ${why}` })
  })

  it('takes a file of the greatest size', () => {
    expect(find({ KEY_FILE: PATH }, 'x'.repeat(MAX_SECRET_FILE_BYTES))).toHaveProperty('secret')
  })

  it.each([
    ['ENOENT', 'there is no such file'],
    ['EACCES', 'this user may not read it'],
    ['EISDIR', 'it is a folder'],
    ['EIO', 'EIO'],
  ])('says why a file cannot be read: %s', (code, why) => {
    expect(failing(code)).toEqual({ problem: `KEY_FILE="${PATH}" cannot be read: ${why}` })
  })

  it.each([
    './a-rather-long-name',
    'secrets/spark-api-key.txt',
    'C:\\secrets\\api-key',
    '/run/credentials/a@1.service/b',
  ])('shows the path %s that leads nowhere', (path) => {
    expect(failing('ENOENT', path)).toEqual({
      problem: `KEY_FILE=${JSON.stringify(path)} cannot be read: there is no such file`,
    })
  })

  it.each([
    'postgresql://spark:canary@db/spark',
    'spark_0123456789abcdef0123456789abcdef',
    'q83vASNFZ4mrze8BI0Vn/avN7wEjRWeJq83vASNFZ4k=',
    '/83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=',
    'ab/cd+ef/0123456789ABCDEFGHIJKLM',
  ])('does not show %s, a secret in the place of the path', (path) => {
    expect(failing('ENOENT', path)).toEqual({
      problem:
        'KEY_FILE must be the path of a file (there is no such file); its value may be the secret itself, so it is not shown',
    })
  })
})
