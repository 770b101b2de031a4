import { resolve } from 'node:path'
import { DEFAULT_PAGE_SIZE, MAX_RETRIES, MAX_TIMEOUT, RetryOn } from '@automagik-spark/core'
import { RawJson } from '@automagik-spark/sdk'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { readText } from './env-file.ts'
import { EXIT, usage } from './errors.ts'
import { type Io, readAll } from './io.ts'

/** The command as a user types it, such as `automagik-spark tasks list`. */
export const pathOf = (command: Command): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()

export const addExamples = (command: Command, examples: readonly string[]): Command =>
  command.addHelpText(
    'after',
    `\nExample${examples.length > 1 ? 's' : ''}:\n${examples.map((line) => `  $ ${line}`).join('\n')}`,
  )

/** A command that only contains subcommands. */
export const addGroup = (parent: Command, name: string, summary: string, example: string): Command =>
  addExamples(parent.command(name).description(summary), [example])

/** A command that calls the API; `--json` prints the answer. */
export const addCommand = (parent: Command, usageText: string, summary: string, examples: readonly string[]): Command =>
  addExamples(parent.command(usageText).description(summary).option('--json', 'print the answer as JSON'), examples)

export const addListOptions = (command: Command): Command =>
  command.option('--limit <n>', 'how many to show', wholeNumber(1), DEFAULT_PAGE_SIZE).option('--all', 'show all')

export const addYesOption = (command: Command): Command =>
  command.option('--yes', 'delete without confirmation; required without a terminal')

export const wholeNumber =
  (min: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min)
      throw new InvalidArgumentError(`It must be a whole number, ${min} or more.`)
    return value
  }

export type RetryOptions = { maxRetries?: number; retryOn?: RetryOn }

export const addRetryOptions = (command: Command, byDefault: string): Command =>
  command
    .option(
      '--max-retries <n>',
      `how many retries may follow the first try, up to ${MAX_RETRIES} (${byDefault})`,
      wholeNumber(0),
    )
    .addOption(
      new Option(
        '--retry-on <what>',
        'what is retried: safe (default: only what certainly did not run), failure (also a flow that failed), unknown (also a call with an unknown outcome: the flow may run twice)',
      ).choices(RetryOn.options),
    )

export const addRunTimeoutOption = (command: Command): Command =>
  command.option('--timeout <seconds>', `how long a run may take, up to ${MAX_TIMEOUT}`, wholeNumber(1))

/** JSON as it was typed: a parsed number may lose digits. */
export type GivenJson = RawJson
const jsonValue = (text: string): GivenJson => {
  try {
    return new RawJson(text)
  } catch (error) {
    throw new InvalidArgumentError(`It must be JSON: ${error instanceof Error ? error.message : String(error)}.`)
  }
}

export const jsonObject = (text: string): Record<string, unknown> => {
  const given = jsonValue(text)
  if (!given.raw.startsWith('{')) throw new InvalidArgumentError('It must be a JSON object, such as {"key":"value"}.')
  return given as unknown as Record<string, unknown> // the SDK sends the text of a RawJson unchanged
}

export type InputOptions = { input?: string; jsonInput?: GivenJson; inputFile?: string }

export const addInputOptions = (command: Command): Command =>
  command
    .option('--json-input <json>', 'an input that is not text, as JSON', jsonValue)
    .option('--input-file <file>', 'read the input text from a file, without its last line break; - is stdin')

/** The one input that was given, or undefined. */
export const readInput = async ({ input, jsonInput, inputFile }: InputOptions, io: Io): Promise<unknown> => {
  if ([input, jsonInput, inputFile].filter((one) => one !== undefined).length > 1)
    throw usage('Give the input only once: as text, with --json-input or with --input-file.')
  if (inputFile === undefined) return jsonInput ?? input
  return (inputFile === '-' ? await readAll(io.stdin) : readInputFile(resolve(io.cwd, inputFile))).replace(/\r?\n$/, '')
}

const readInputFile = (file: string): string => {
  const text = readText(file, 'Make it readable, or name another.', EXIT.usage)
  if (text === null) throw usage(`${file} cannot be read (ENOENT).`)
  return text
}

type Given<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/** An object without the keys whose value is undefined. */
export const given = <T extends object>(fields: T): Given<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T> // Object.fromEntries loses the names of the keys
