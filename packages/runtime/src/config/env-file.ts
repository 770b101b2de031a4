import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { decodeText, findSecret, MAX_SECRET_FILE_BYTES, withUnixLineEnds } from '@automagik-spark/core'
import { ConfigError } from './config.ts'
import { aboutVariable, namesOf, type Role, VARIABLES } from './variables.ts'

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

/** The environment of a process: with `.env`, and with the secrets of this role whose `…_FILE` names a file. */
export const readEnvironment = (env: Env, folder: string, role: Role): Env => {
  const environment = { ...withDotEnv(env, folder) }
  const readFile = (path: string) => readStart(resolve(folder, path), MAX_SECRET_FILE_BYTES + 1)
  const problems: string[] = []
  for (const variable of VARIABLES) {
    const { secret, read_by } = aboutVariable(variable)
    const found = secret && read_by.includes(role) ? findSecret(environment, namesOf(variable), readFile) : null
    if (!found?.isFile) continue
    const read = found.read()
    if ('problem' in read) problems.push(read.problem)
    else environment[found.variable] = read.secret
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return environment
}

/** The first bytes of a file, which may be a pipe or have no end. */
const readStart = (path: string, bytes: number): Uint8Array => {
  const file = openSync(path, 'r')
  try {
    const buffer = new Uint8Array(bytes)
    let length = 0
    for (let read = -1; read !== 0; length += read) read = readSync(file, buffer, length, bytes - length, null)
    return buffer.subarray(0, length)
  } finally {
    closeSync(file)
  }
}
