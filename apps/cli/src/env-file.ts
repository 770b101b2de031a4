import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { CliError, EXIT } from './errors.ts'

/** The text of a file that a person has written. Null: it is not there. */
export const readText = (file: string, hint: string, exitCode: number = EXIT.failed): string | null => {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException // what the file system throws
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw new CliError(`${file} cannot be read (${code}). ${hint}`, { exitCode, cause })
  }
  if (bytes.includes(0))
    throw new CliError(`${file} is not UTF-8 text but looks like UTF-16. Save it as UTF-8.`, { exitCode })
  return new TextDecoder().decode(bytes) // without the byte order mark that some editors put first
}

/** The variables of the `.env` file, read as `start` reads them. */
export const readEnvFile = (file: string): Record<string, string | undefined> =>
  parseEnv((readText(file, 'Make it readable, or remove it.') ?? '').replace(/\r\n?/g, '\n'))
