import { decodeText } from './decode-text.ts'

type Env = Record<string, string | undefined>

/** A secret as it is set: by its value, or by the path of a file (`NAME_FILE`), which is read only when the value is asked for. */
export type FoundSecret = {
  variable: string
  isFile: boolean
  /** What is set: the variable, or its `…_FILE`. */
  name: string
  /** A problem is a sentence that names the variable and never shows what the file contains. */
  read: () => { secret: string } | { problem: string }
}

/** The variable that holds the path of a file with this secret. */
export const fileVariable = (name: string): string => `${name}_FILE`

/** Finds a secret under any of its names, the first one first; null when none is set. A file and another form together are a problem. */
export const findSecret = (
  env: Env,
  names: readonly string[],
  readFile: (path: string) => Uint8Array,
): FoundSecret | null => {
  const text = (name: string) => env[name]?.trim() ?? ''
  const [value] = names.filter((name) => text(name) !== '')
  const [variable, otherVariable] = names.filter((name) => text(fileVariable(name)) !== '')
  if (variable === undefined)
    return value === undefined
      ? null
      : { variable: value, isFile: false, name: value, read: () => ({ secret: text(value) }) }
  const file = fileVariable(variable)
  const other = value ?? (otherVariable && fileVariable(otherVariable))
  return {
    variable,
    isFile: true,
    name: file,
    read: () =>
      other === undefined
        ? readSecret(file, text(file), readFile)
        : { problem: `${other} and ${file} are both set: remove one of them` },
  }
}

/** More is surely another file. */
export const MAX_SECRET_FILE_BYTES = 64 * 1024

const readSecret = (
  name: string,
  path: string,
  readFile: (path: string) => Uint8Array,
): ReturnType<FoundSecret['read']> => {
  const named = `${name}=${JSON.stringify(path)}`
  let bytes: Uint8Array
  try {
    bytes = readFile(path)
  } catch (cause) {
    const { code = 'unknown error' } = cause as { code?: string } // the file system throws these
    const why = REASONS[code] ?? code
    return {
      problem: mayBeSecret(path)
        ? `${name} must be the path of a file (${why}); its value may be the secret itself, so it is not shown`
        : `${named} cannot be read: ${why}`,
    }
  }
  if (bytes.length > MAX_SECRET_FILE_BYTES)
    return { problem: `${named} is too large for a secret: at most ${MAX_SECRET_FILE_BYTES} bytes` }
  const secret = decodeText(bytes)?.replace(/\r?\n$/, '')
  if (secret === undefined) return { problem: `${named} is not UTF-8 text` }
  return secret.trim() === '' ? { problem: `${named} is empty` } : { secret }
}

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EISDIR: 'it is a folder',
}

/** An address, base64, or a long text that does not look like a path. */
const mayBeSecret = (path: string): boolean =>
  path.includes('://') ||
  path.endsWith('=') ||
  (path.length >= 16 && !/^([a-z]:|~|\.{0,2})[\\/]|\.[a-z]{1,8}$/i.test(path))
