import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { Spark } from '@automagik-spark/sdk'
import { CliError, usage } from './errors.ts'
import type { Io } from './io.ts'

export type Connection = {
  baseUrl: string
  urlFrom: string
  apiKey: string | null
  keyFrom: string | null
  /** Why there is no key, where that is not plain. */
  keyNote: string | null
}

const readIfThere = (file: string): string | null => {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException // what the file system throws
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw new CliError(`${file} cannot be read (${code}). Run this as the user who owns it, or set SPARK_API_KEY.`, { cause })
  }
}

const isThisMachine = (url: string): boolean => {
  const host = URL.canParse(url) ? new URL(url).hostname : ''
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** Where the API is and with which key: from the environment, the `.env` file here, or the data directory of a Spark on this machine. */
export const findConnection = ({ env, cwd }: Pick<Io, 'env' | 'cwd'>): Connection => {
  const dotEnv = parseEnv(readIfThere(join(cwd, '.env')) ?? '')
  const get = (...names: string[]): { value: string; name: string } | null => {
    for (const name of names) {
      const value = env[name]?.trim() || dotEnv[name]?.trim()
      if (value) return { value, name }
    }
    return null
  }
  const dataDir = resolve(cwd, get('SPARK_DATA_DIR')?.value ?? '.spark')
  const inDataDir = (name: string): { value: string; name: string } | null => {
    const value = readIfThere(join(dataDir, name))?.trim()
    return value ? { value, name: join(dataDir, name) } : null
  }
  const port = get('API_PORT', 'AUTOMAGIK_SPARK_API_PORT')
  const url =
    get('SPARK_API_URL') ??
    inDataDir('api-url') ??
    (port ? { value: `http://localhost:${port.value}`, name: port.name } : { value: 'http://localhost:8883', name: 'the default' })

  const given = get('SPARK_API_KEY', 'AUTOMAGIK_SPARK_API_KEY')
  // The key of this machine's Spark is for no other machine.
  const key = given ?? (isThisMachine(url.value) ? inDataDir('api-key') : null)
  const keyNote = key
    ? null
    : isThisMachine(url.value)
      ? `${join(dataDir, 'api-key')} is not there.`
      : `the key in ${dataDir} is sent to this machine only.`
  return { baseUrl: url.value, urlFrom: url.name, apiKey: key?.value ?? null, keyFrom: key?.name ?? null, keyNote }
}

export const connect = ({ baseUrl, urlFrom, apiKey, keyFrom }: Connection): Spark => {
  try {
    return new Spark({ baseUrl, ...(apiKey !== null && { apiKey }) })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw usage(error.message.replace(/^baseUrl/, urlFrom).replace(/^apiKey/, keyFrom ?? 'apiKey'))
  }
}
