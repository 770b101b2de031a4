import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileVariable } from '@automagik-spark/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigError } from './config.ts'
import { readDotEnv, readEnvironment, withDotEnv } from './env-file.ts'
import { aboutVariable, type Role, VARIABLES } from './variables.ts'

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

describe('readEnvironment', () => {
  const put = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const problems = (env: Record<string, string>, role: Role = 'start'): string[] => {
    try {
      readEnvironment(env, folder, role)
    } catch (error) {
      if (error instanceof ConfigError) return error.problems
      throw error
    }
    return []
  }
  const SECRETS = VARIABLES.filter((name) => aboutVariable(name).secret)

  it('reads every secret from a file', () => {
    const env = Object.fromEntries(SECRETS.map((name) => [fileVariable(name), put(name, `secret of ${name}\n`)]))
    const expected = Object.fromEntries(SECRETS.map((name) => [name, `secret of ${name}`]))
    expect(readEnvironment(env, folder, 'start')).toEqual({ ...env, ...expected })
    expect(SECRETS).toContain('LANGFLOW_API_KEY')
  })

  it('reads the file that .env names, by a path from the folder of .env, in the place of an empty variable', () => {
    put('key', 'of-the-file\n')
    put('.env', 'SPARK_API_KEY_FILE=key\n')
    expect(readEnvironment({ SPARK_API_KEY: ' ' }, folder, 'api').SPARK_API_KEY).toBe('of-the-file')
  })

  it('reads the file of an earlier name', () => {
    const AUTOMAGIK_SPARK_API_KEY_FILE = put('key', 'old\n')
    expect(readEnvironment({ AUTOMAGIK_SPARK_API_KEY_FILE }, folder, 'api').AUTOMAGIK_SPARK_API_KEY).toBe('old')
  })

  it('changes neither the environment that it is given, nor what is no secret', () => {
    const env = { SPARK_API_KEY_FILE: put('key', 'k'), API_PORT_FILE: '/nowhere' }
    expect(readEnvironment(env, folder, 'start')).toEqual({ ...env, SPARK_API_KEY: 'k' })
    expect(Object.keys(env)).toEqual(['SPARK_API_KEY_FILE', 'API_PORT_FILE'])
  })

  it('reads no file of another role', () => {
    const env = {
      SPARK_API_KEY_FILE: '/nowhere/a',
      SPARK_ENCRYPTION_KEY_FILE: '/nowhere/e',
      DATABASE_URL_FILE: '/nowhere/d',
    }
    const named = (role: Role) => problems(env, role).map((line) => /^\w+/.exec(line)?.[0])
    expect(named('api')).toEqual(['SPARK_API_KEY_FILE', 'DATABASE_URL_FILE', 'SPARK_ENCRYPTION_KEY_FILE'])
    expect(named('worker')).toEqual(['DATABASE_URL_FILE', 'SPARK_ENCRYPTION_KEY_FILE'])
    expect(named('db')).toEqual(['DATABASE_URL_FILE'])
  })

  it('refuses a value beside a file, also when one of them stands in .env, and shows neither', () => {
    const path = put('key', 'canary')
    put('.env', 'SPARK_ENCRYPTION_KEY=canary\n')
    const env = { SPARK_API_KEY: 'canary', SPARK_API_KEY_FILE: path, SPARK_ENCRYPTION_KEY_FILE: path }
    expect(problems(env)).toEqual([
      'SPARK_API_KEY and SPARK_API_KEY_FILE are both set: remove one of them',
      'SPARK_ENCRYPTION_KEY and SPARK_ENCRYPTION_KEY_FILE are both set: remove one of them',
    ])
  })

  it('names the variable, the path and the reason of every file that is of no use', () => {
    const large = put('large', 'canary'.repeat(64 * 1024))
    const empty = put('empty', '\n')
    expect(
      problems({
        SPARK_API_KEY_FILE: join(folder, 'none'),
        DATABASE_URL_FILE: folder,
        MONGODB_URI_FILE: empty,
        SPARK_ENCRYPTION_KEY_FILE: large,
        SPARK_ENCRYPTION_KEY_PREVIOUS_FILE: '/dev/zero',
      }),
    ).toEqual([
      `SPARK_API_KEY_FILE="${join(folder, 'none')}" cannot be read: there is no such file`,
      `DATABASE_URL_FILE="${folder}" cannot be read: it is a folder`,
      `MONGODB_URI_FILE="${empty}" is empty`,
      `SPARK_ENCRYPTION_KEY_FILE="${large}" is too large for a secret: at most 65536 bytes`,
      'SPARK_ENCRYPTION_KEY_PREVIOUS_FILE="/dev/zero" is too large for a secret: at most 65536 bytes',
    ])
  })
})
