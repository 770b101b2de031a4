import { realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Spark } from '@automagik-spark/sdk'
import { readEnvFile, readText } from './env-file.ts'
import { CliError, EXIT, usage } from './errors.ts'
import type { Io } from './io.ts'
import { isRunning } from './pid-file.ts'
import { keepText } from './source-text.ts'

/** Who says something: the environment of this process, the `.env` of this folder, or the data directory. */
type Place = 'environment' | 'env file' | 'data directory'
type Setting = { value: string; name: string; place: Place }

export type Connection = {
  baseUrl: string
  urlFrom: string
  apiKey: string | null
  keyFrom: string | null
  /** What to do when the API asks for a key and there is none. */
  keyHint: string
  /** Why a secret of the environment must not go to this address; null: it may. */
  whyNoSecrets: string | null
}

const KEYS = ['SPARK_API_KEY', 'AUTOMAGIK_SPARK_API_KEY'] as const

/**
 * Where the API is and with which key. Both come from one place: a folder may be anybody's, and an address that it names hears no key that
 * stands elsewhere. The one exception is the Spark that this user runs on the data directory: it may have its key from anywhere.
 */
export const findConnection = ({ env, cwd }: Pick<Io, 'env' | 'cwd'>): Connection => {
  const envFile = readEnvFile(join(cwd, '.env'))
  const of = (place: 'environment' | 'env file', ...names: readonly string[]): Setting | null => {
    const from = place === 'environment' ? env : envFile
    const name = names.find((one) => from[one]?.trim())
    return name === undefined ? null : { value: from[name]!.trim(), name, place }
  }
  const either = (...names: readonly string[]) => of('environment', ...names) ?? of('env file', ...names)

  const dataDir = resolve(cwd, either('SPARK_DATA_DIR')?.value ?? '.spark')
  const inDataDir = (name: string): Setting | null => {
    const file = join(dataDir, name)
    const value = readText(file, 'Run this as the user who owns it, or set SPARK_API_URL and SPARK_API_KEY.')?.trim()
    if (!value) return null
    // A repository may hold a link to whatever this user can read, beside the address that is to hear it.
    if (dirname(realpathSync(file)) !== realpathSync(dataDir))
      throw new CliError(
        `${file} is a link that leads out of its folder. Remove it, or set SPARK_API_URL and SPARK_API_KEY.`,
        { exitCode: EXIT.notAllowed },
      )
    return { value, name: file, place: 'data directory' }
  }
  const left = inDataDir('api-url')
  const port = either('API_PORT', 'AUTOMAGIK_SPARK_API_PORT')
  const url = either('SPARK_API_URL') ?? left ?? (port && { ...port, value: `http://localhost:${port.value}` })
  const baseUrl = url?.value ?? 'http://localhost:8883' // which nobody names, so that no folder can choose it

  const isLeft = left !== null && plain(left.value) === plain(baseUrl)
  const isOurs = isLeft && isRunning(env, { dataDir, url: left.value })
  const named: Record<Place, boolean> = {
    environment: url === null || url.place === 'environment' || isOurs,
    'env file':
      url === null ||
      url.place === 'env file' ||
      plain(of('env file', 'SPARK_API_URL')?.value ?? '') === plain(baseUrl) ||
      isOurs,
    'data directory': isLeft,
  }
  const keys = [of('environment', ...KEYS), of('env file', ...KEYS), inDataDir('api-key')].filter((key) => key !== null)
  const key = keys.find(({ place }) => named[place]) ?? null
  const whyNot = url && `is not sent to ${baseUrl}, which ${placeOf(url)} names`
  const elsewhere = keys.find(({ place }) => place !== 'data directory')
  if (!key && elsewhere && whyNot)
    throw new CliError(`${elsewhere.name} of ${placeOf(elsewhere)} ${whyNot}: set both in one place.`, {
      exitCode: EXIT.notAllowed,
    })
  return {
    baseUrl,
    urlFrom: url?.name ?? 'the default',
    apiKey: key?.value ?? null,
    keyFrom: key?.name ?? null,
    keyHint: keyHint(url, dataDir, keys.length > 0),
    whyNoSecrets: named.environment ? null : whyNot,
  }
}

/** As the client takes it: a slash at the end, and `/api/v1`, change nothing. */
const plain = (url: string): string => url.replace(/\/+$/, '').replace(/\/api\/v1$/, '')

const placeOf = ({ place, name }: Setting): string =>
  place === 'environment' ? 'the environment' : place === 'env file' ? '.env' : name

const keyHint = (url: Setting | null, dataDir: string, isKept: boolean): string => {
  if (url?.place === 'data directory')
    return `Set SPARK_API_URL and SPARK_API_KEY: ${join(dataDir, 'api-key')} is not there.`
  const where = url?.place === 'env file' ? ' in .env, too' : ''
  return `Set SPARK_API_KEY${where}: ${isKept ? `the key in ${dataDir} is sent only to the address in its file api-url.` : `${join(dataDir, 'api-key')} is not there.`}`
}

export const connect = ({ baseUrl, urlFrom, apiKey, keyFrom }: Connection): Spark => {
  try {
    return new Spark({ baseUrl, onAnswer: keepText, ...(apiKey !== null && { apiKey }) })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw usage(error.message.replace(/^baseUrl/, urlFrom).replace(/^apiKey/, keyFrom ?? 'apiKey'))
  }
}
