import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigError } from './config.ts'
import { readDotEnv, withDotEnv } from './env-file.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spark-env-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('readDotEnv', () => {
  it('reads names, quotes, comments and export', () => {
    expect(
      readDotEnv('# comment\nAPI_PORT=1\nexport LOG_LEVEL=debug\nCORS_ORIGINS="http://a, http://b" # two\nEMPTY=\r\n'),
    ).toEqual({
      API_PORT: '1',
      LOG_LEVEL: 'debug',
      CORS_ORIGINS: 'http://a, http://b',
      EMPTY: '',
    })
  })

  it('names the line that is no assignment, without showing it', () => {
    expect(() => readDotEnv('API_PORT=1\n\ncanary secret\nLOG_LEVEL=debug\n')).toThrow(
      new ConfigError(['.env line 3: must have the form NAME=value']),
    )
  })
})

describe('withDotEnv', () => {
  it('is the environment alone without a file', () => {
    expect(withDotEnv({ A: '1' }, folder)).toEqual({ A: '1' })
  })

  it('fills in what the environment leaves unset or empty', () => {
    writeFileSync(join(folder, '.env'), 'A=file\nB=file\nC=file\n')
    expect(withDotEnv({ A: 'environment', B: '', D: 'environment' }, folder)).toEqual({
      A: 'environment',
      B: 'file',
      C: 'file',
      D: 'environment',
    })
  })

  it('says why a file cannot be read', () => {
    mkdirSync(join(folder, '.env'))
    expect(() => withDotEnv({}, folder)).toThrow(
      `${join(folder, '.env')} cannot be read (EISDIR): make it readable or remove it`,
    )
  })
})
