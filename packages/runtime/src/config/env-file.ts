import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { decodeText, withUnixLineEnds } from '@automagik-spark/core'
import { ConfigError } from './config.ts'

type Env = Record<string, string | undefined>

/** The variables of a `.env` file. */
export const readDotEnv = (text: string): Record<string, string> => {
  const variables: Record<string, string> = {}
  // Node 24 skips a line without `=` silently. In a file with quotes such a line may be part of a value of several lines.
  const stray = /["'`]/.test(text) ? -1 : text.split('\n').findIndex((line) => /^\s*[^\s#=][^=]*$/.test(line))
  if (stray >= 0) throw new ConfigError([`.env line ${stray + 1}: must have the form NAME=value`])
  for (const [name, value] of Object.entries(parseEnv(text))) {
    // A line without `=` becomes part of the next name, which would then be lost silently.
    if (!/^[a-z_][a-z0-9_.-]*$/i.test(name)) {
      const line = text.slice(0, Math.max(0, text.indexOf(name))).split('\n').length
      throw new ConfigError([`.env line ${line}: must have the form NAME=value`])
    }
    variables[name] = value ?? ''
  }
  return variables
}

/** The environment, completed by the `.env` file in this folder. An empty variable does not hide the one in the file. */
export const withDotEnv = (env: Env, folder: string): Env => {
  const path = join(folder, '.env')
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException // the file system throws these
    if (code === 'ENOENT') return env
    throw new ConfigError([`${path} cannot be read (${code ?? message}): make it readable or remove it`])
  }
  const text = decodeText(bytes)
  if (text === null) throw new ConfigError(['.env is not UTF-8 text but looks like UTF-16: save it as UTF-8'])
  const set = Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== '')
  return { ...env, ...readDotEnv(withUnixLineEnds(text)), ...Object.fromEntries(set) }
}
