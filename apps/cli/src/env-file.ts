import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { decodeText, withUnixLineEnds } from '@automagik-spark/core'
import { CliError, EXIT } from './errors.ts'

/** Reads a file that a person has written; null when it does not exist. `hint` ends the error of a file that cannot be read. */
export const readText = (file: string, hint: string, exitCode: number = EXIT.failed): string | null => {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException // readFileSync throws nothing else
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw new CliError(`${file} cannot be read (${code}). ${hint}`, { exitCode, cause })
  }
  const text = decodeText(bytes)
  if (text === null)
    throw new CliError(`${file} is not UTF-8 text but looks like UTF-16. Save it as UTF-8.`, { exitCode })
  return text
}

/** The variables of a `.env` file, decoded by the same rule as at `start`; a bad line is not an error here. */
export const readEnvFile = (file: string): Record<string, string | undefined> =>
  parseEnv(withUnixLineEnds(readText(file, 'Make it readable, or remove it.') ?? ''))
