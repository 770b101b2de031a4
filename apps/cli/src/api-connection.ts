import { readFileSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { findSecret } from '@automagik-spark/core'
import { Spark } from '@automagik-spark/sdk'
import { keepText } from './answer-json.ts'
import { readEnvFile, readText } from './env-file.ts'
import { CliError, EXIT, usage } from './errors.ts'
import type { Io } from './io.ts'
import { isRunning } from './pid-file.ts'

/** Where a setting is: in the environment of this process, in the `.env` of this folder, or in the data directory. */
type Place = 'environment' | 'env file' | 'data directory'
type Setting = { value: string; name: string; place: Place }
type Key = { read: () => string; name: string; place: Place | 'file that the env file names' }

export type Connection = {
  baseUrl: string
  urlFrom: string
  apiKey: string | null
  keyFrom: string | null
  /** What to do when the API requires a key and there is none. */
  keyHint: string
  /** Why no secret of the environment may be sent to this address; null when it may. */
  whyNoSecrets: string | null
}

const KEYS = ['SPARK_API_KEY', 'AUTOMAGIK_SPARK_API_KEY'] as const

/**
 * Finds address and key of the API. Both must come from one place: anybody may have written the files of a folder, so an address in
 * them gets no key from elsewhere. The one exception is the Spark that this user runs on the data directory: any key may go to it.
 * For the same reason only that Spark gets the content of a file that `.env` names.
 */
export const findConnection = ({ env, cwd }: Pick<Io, 'env' | 'cwd'>): Connection => {
  const envFile = readEnvFile(join(cwd, '.env'))
  const of = (place: 'environment' | 'env file', ...names: readonly string[]): Setting | null => {
    const from = place === 'environment' ? env : envFile
    const name = names.find((one) => from[one]?.trim())
    return name === undefined ? null : { value: from[name]!.trim(), name, place }
  }
  const keyIn = (from: Io['env'], place: Place, placeOfFile: Key['place']): Key | null => {
    const found = findSecret(from, KEYS, (path) => readFileSync(resolve(cwd, path)))
    if (found === null) return null
    const read = () => {
      const result = found.read()
      if ('problem' in result) throw new CliError(`${result.problem}.`)
      return result.secret.trim()
    }
    return { read, name: found.name, place: found.isFile ? placeOfFile : place }
  }
  const either = (...names: readonly string[]) => of('environment', ...names) ?? of('env file', ...names)

  const dataDir = resolve(cwd, either('SPARK_DATA_DIR')?.value ?? '.spark')
  const inDataDir = (name: string): Setting | null => {
    const file = join(dataDir, name)
    const value = readText(file, 'Run this as the user who owns it, or set SPARK_API_URL and SPARK_API_KEY.')?.trim()
    if (!value) return null
    // A cloned repository may contain a link to any file that this user can read, beside an address that collects it.
    if (dirname(realpathSync(file)) !== realpathSync(dataDir))
      throw new CliError(
        `${file} is a link that leads out of its folder. Remove it, or set SPARK_API_URL and SPARK_API_KEY.`,
        { exitCode: EXIT.notAllowed },
      )
    return { value, name: file, place: 'data directory' }
  }
  const recorded = inDataDir('api-url')
  const port = either('API_PORT', 'AUTOMAGIK_SPARK_API_PORT')
  const url = either('SPARK_API_URL') ?? recorded ?? (port && { ...port, value: `http://localhost:${port.value}` })
  const baseUrl = url?.value ?? 'http://localhost:8883' // no file names the default, so no folder can choose it

  const isRecorded = recorded !== null && normalized(recorded.value) === normalized(baseUrl)
  const isOwn = isRecorded && isRunning(env, { dataDir, url: recorded.value })
  /** Whether a key of that place may be sent to the address. */
  const mayReceive: Record<Key['place'], boolean> = {
    environment: url === null || url.place === 'environment' || isOwn,
    'env file':
      url === null ||
      url.place === 'env file' ||
      normalized(of('env file', 'SPARK_API_URL')?.value ?? '') === normalized(baseUrl) ||
      isOwn,
    'file that the env file names': isOwn,
    'data directory': isRecorded,
  }
  const stored = inDataDir('api-key')
  const keys = [
    keyIn(env, 'environment', 'environment'),
    keyIn(envFile, 'env file', 'file that the env file names'),
    stored && { ...stored, read: () => stored.value },
  ].filter((key) => key !== null)
  const key = keys.find(({ place }) => mayReceive[place]) ?? null
  const whyNot = url && `is not sent to ${baseUrl}, which ${placeOf(url)} names`
  const otherKey = keys.find(({ place }) => place !== 'data directory')
  if (!key && otherKey?.place === 'file that the env file names')
    throw new CliError(
      `${otherKey.name} of .env is read only for the Spark that you run on ${dataDir}: set it and SPARK_API_URL in the environment.`,
      { exitCode: EXIT.notAllowed },
    )
  if (!key && otherKey && whyNot)
    throw new CliError(`${otherKey.name} of ${placeOf(otherKey)} ${whyNot}: set both in one place.`, {
      exitCode: EXIT.notAllowed,
    })
  return {
    baseUrl,
    urlFrom: url?.name ?? 'the default',
    apiKey: key?.read() ?? null,
    keyFrom: key?.name ?? null,
    keyHint: keyHint(url, dataDir, keys.length > 0),
    whyNoSecrets: mayReceive.environment ? null : whyNot,
  }
}

/** The address as the SDK uses it: without a slash or `/api/v1` at the end. */
const normalized = (url: string): string => url.replace(/\/+$/, '').replace(/\/api\/v1$/, '')

const placeOf = ({ place, name }: Pick<Setting | Key, 'place' | 'name'>): string =>
  place === 'environment' ? 'the environment' : place === 'env file' ? '.env' : name

const keyHint = (url: Setting | null, dataDir: string, hasKey: boolean): string => {
  if (url?.place === 'data directory')
    return `Set SPARK_API_URL and SPARK_API_KEY: ${join(dataDir, 'api-key')} does not exist.`
  const where = url?.place === 'env file' ? ' in .env, too' : ''
  return `Set SPARK_API_KEY${where}: ${hasKey ? `the key in ${dataDir} is sent only to the address in its file api-url.` : `${join(dataDir, 'api-key')} does not exist.`}`
}

export const connect = ({ baseUrl, urlFrom, apiKey, keyFrom }: Connection): Spark => {
  try {
    return new Spark({ baseUrl, onAnswer: keepText, ...(apiKey !== null && { apiKey }) })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw usage(error.message.replace(/^baseUrl/, urlFrom).replace(/^apiKey/, keyFrom ?? 'apiKey'))
  }
}
