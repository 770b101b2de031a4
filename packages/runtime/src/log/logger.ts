import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { type LogOutput, makeLogOutput } from './output.ts'
import { makeScrubber } from './scrubber.ts'

export type { Logger } from 'pino'

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export const LOG_FORMATS = ['json', 'pretty'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

type Options = {
  level: LogLevel
  format: LogFormat
  /** Texts that no line may show, such as the API key. They are read for each line, so a Set may grow. */
  secrets?: Iterable<string>
  /** Where finished lines go instead of standard output or error. */
  destination?: DestinationStream
}

const STDOUT = 1
const STDERR = 2

/** JSON lines go to standard output; pretty ones are for a person and go to standard error. */
export const makeLogger = ({ level, format, secrets = [], destination }: Options): Logger => {
  const out = destination ?? openLogOutput(format)
  const scrubber = makeScrubber(secrets)
  const finish = finisher(format)
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: describeErrors },
      serializers: { err: describeIfError },
    },
    { write: (line) => void out.write(finish(scrubber.line(line))) },
  )
}

/** Standard output or error, as a stream that never fails. */
export const openLogOutput = (format: LogFormat): LogOutput => {
  const finish = finisher(format)
  return makeLogOutput(format === 'pretty' ? STDERR : STDOUT, (lost) =>
    finish(
      `{"level":"warn"${stdTimeFunctions.isoTime()},"lost":${lost},"msg":"lines of this log could not be written and are lost"}\n`,
    ),
  )
}

const finisher = (format: LogFormat): ((line: string) => string) =>
  format === 'pretty' ? prettyLine() : escapeControls

/** JSON does not escape DEL, the C1 controls, line separators and text direction marks; a terminal obeys them. */
const unescapedControls = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
// eslint-disable-next-line no-control-regex -- finding control characters is the point
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
// eslint-disable-next-line no-control-regex -- as above
const controlsOfStack = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

const escaped = (control: string): string => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`
const escapeControls = (line: string): string => line.replace(unescapedControls, escaped)

/** For a terminal. pino-pretty prints texts as they are, so control characters are made visible first. */
const prettyLine = () => {
  const pretty = prettyFactory({ translateTime: 'SYS:HH:MM:ss.l' })
  const printable = (name: string, value: unknown): unknown =>
    typeof value === 'string' ? value.replace(name === 'stack' ? controlsOfStack : controls, escaped) : value
  return (line: string): string => pretty(JSON.parse(line, printable))
}

const DEEPEST_CAUSE = 5
const MOST_ERRORS = 5
/** The properties of an error that may be shown. Others may hold a request with its headers, or a row with its input. */
const TELLING = [
  'code',
  'error_code',
  'failure',
  'key_id',
  'syscall',
  'address',
  'port',
  'severity',
  'table',
  'constraint',
  'routine',
] as const

type ErrorDescription = {
  type: string
  message: string
  stack?: string
  cause?: unknown
  errors?: unknown[]
  [telling: string]: unknown
}

const describeError = (error: Error, depth = 0): ErrorDescription => {
  const description: ErrorDescription = { type: error.name, message: error.message }
  for (const name of TELLING) {
    const value: unknown = Reflect.get(error, name)
    if (typeof value === 'string' || typeof value === 'number') description[name] = value
  }
  if (error.stack !== undefined) description.stack = error.stack
  if (depth === DEEPEST_CAUSE) return description
  if (error instanceof AggregateError) {
    description.errors = error.errors.slice(0, MOST_ERRORS).map((one: unknown) => describeIfError(one, depth + 1))
  }
  if (error.cause instanceof Error) description.cause = describeError(error.cause, depth + 1)
  return description
}

const describeIfError = (value: unknown, depth = 0): unknown =>
  value instanceof Error ? describeError(value, depth) : value

const describeErrors = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.values(fields).some((value) => value instanceof Error)
    ? Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, describeIfError(value)]))
    : fields
