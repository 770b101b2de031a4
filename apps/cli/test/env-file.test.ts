import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withDotEnv } from '@automagik-spark/runtime'
import { beforeEach, describe, expect, it } from 'vitest'
import { readEnvFile } from '../src/env-file.ts'
import { invoke } from './invoke.ts'

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'spark-env-file-'))
  return () => rm(cwd, { recursive: true, force: true })
})
const save = (bytes: string | Uint8Array) => writeFile(join(cwd, '.env'), bytes)

/** The commands and `start` read it separately; both are tested. */
describe('a .env file is read', () => {
  it.each([
    ['with a byte order mark', '\ufeffAPI_PORT=9001\n'],
    ['with a byte order mark before a comment', '\ufeff# mine\nAPI_PORT=9001\n'],
    ['with the line ends of Windows', 'LOG_LEVEL=info\r\nAPI_PORT=9001\r\n'],
    ['with both', '\ufeffAPI_PORT=9001\r\nLOG_LEVEL=info\r\n'],
    ['with the line ends of old Macs', 'LOG_LEVEL=info\rAPI_PORT=9001\r'],
    ['with export', 'export API_PORT=9001\n'],
    ['with double quotes', 'API_PORT="9001"\n'],
    ['with single quotes', "API_PORT='9001'\n"],
    ['with spaces and a comment', '  API_PORT = 9001 # ours\n'],
    ['without a last line end', 'API_PORT=9001'],
  ])('%s', async (_, text) => {
    await save(text)
    expect(readEnvFile(join(cwd, '.env')).API_PORT).toBe('9001')
    expect(withDotEnv({}, cwd).API_PORT).toBe('9001')
  })

  it.each([
    ['UTF-16 with its mark', Buffer.from('\ufeffAPI_PORT=9001\n', 'utf16le')],
    ['UTF-16 without a mark', Buffer.from('API_PORT=9001\n', 'utf16le')],
    ['UTF-16, the high byte first', Buffer.from('\ufeffAPI_PORT=9001\n', 'utf16le').swap16()],
  ])('as %s is refused, and the error says what to do', async (_, bytes) => {
    await save(bytes)
    expect(() => withDotEnv({}, cwd)).toThrow('.env is not UTF-8 text but looks like UTF-16: save it as UTF-8')
    expect(await invoke(['sources', 'list'], { cwd })).toMatchObject({
      code: 1,
      stderr: `error: ${join(cwd, '.env')} is not UTF-8 text but looks like UTF-16. Save it as UTF-8.\n`,
    })
  })
})
