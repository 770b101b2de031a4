import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { emptyDatabase } from '@automagik-spark/db/testing'
import { beforeEach, expect, inject, it, onTestFinished } from 'vitest'
import type { Foundation } from '../src/boot.ts'
import { secretsOf } from '../src/config/config.ts'
import type { Role } from '../src/config/variables.ts'
import { runProcess, withDatabase } from '../src/run-process.ts'

const API_KEY = 'key-of-a-file-0123456789'
const ENCRYPTION_KEY = randomBytes(32).toString('base64')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spark-secrets-'))
  return () => rmSync(folder, { recursive: true, force: true })
})
const put = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** An environment in which every secret comes from a file. */
const makeEnv = async () => {
  const { url, drop } = await emptyDatabase(inject('postgresUrl'))
  onTestFinished(drop)
  return {
    url,
    env: {
      LOG_LEVEL: 'silent',
      DATABASE_URL_FILE: put('database', `${url}\n`),
      SPARK_API_KEY_FILE: put('key', `${API_KEY}\n`),
      SPARK_ENCRYPTION_KEY_FILE: put('encryption', `${ENCRYPTION_KEY}\n`),
    },
  }
}

/** Runs a process that stops itself once it has started. */
const runUntilStarted = async (env: Record<string, string>, role: Role) => {
  const listeners = new Map<string, () => void>()
  let said = ''
  let code: number | undefined
  let started: Pick<Foundation, 'config' | 'api_key' | 'url'> | null = null
  const proc = {
    cwd: () => folder,
    on: (event: string, listener: () => void) => void listeners.set(event, listener),
    exit: (given: number) => void (code = given),
    stdout: { on: () => undefined },
    stderr: { on: () => undefined, write: (text: string) => void (said += text), isTTY: false },
  }
  await runProcess({
    proc: proc as unknown as NodeJS.Process, // the part of it that runProcess uses
    env,
    role,
    async start({ config, api_key, url }) {
      started = { config, api_key, url }
      listeners.get('SIGTERM')?.()
      return async () => undefined
    },
  })
  return { code, said, started: started as Pick<Foundation, 'config' | 'api_key' | 'url'> | null }
}

it('an API starts with all of its secrets in files, and knows them as secrets of the log', async () => {
  const { env, url } = await makeEnv()
  const { code, said, started } = await runUntilStarted(env, 'api')
  expect({ code, said, api_key: started?.api_key, url: started?.url }).toMatchObject({ code: 0, api_key: API_KEY, url })
  const secrets = secretsOf(started!.config)
  for (const secret of [API_KEY, ENCRYPTION_KEY, new URL(url).password]) expect(secrets).toContain(secret)
})

it('a worker starts with files, without reading the file of the API key', async () => {
  const { env } = await makeEnv()
  expect(await runUntilStarted({ ...env, SPARK_API_KEY_FILE: '/nowhere' }, 'worker')).toMatchObject({ code: 0 })
})

it('the database commands find the address in a file that .env names', async () => {
  const { env, url } = await makeEnv()
  put('.env', `DATABASE_URL_FILE=${env.DATABASE_URL_FILE}\n`)
  expect(await withDatabase({}, folder, { make: false }, async (given) => given)).toBe(url)
})

it('a process that cannot read a file ends with one line for each', async () => {
  const env = { DATABASE_URL_FILE: '/nowhere/url', SPARK_API_KEY_FILE: '/nowhere/key' }
  expect(await runUntilStarted(env, 'start')).toEqual({
    code: 1,
    started: null,
    said: [
      'SPARK_API_KEY_FILE="/nowhere/key" cannot be read: there is no such file\n',
      'DATABASE_URL_FILE="/nowhere/url" cannot be read: there is no such file\n',
    ].join(''),
  })
})
