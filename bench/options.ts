import { parseArgs } from 'node:util'

/** How many runs the source allows at once. */
export const MAX_CONCURRENCY = 100

export type Options = {
  only: string[]
  /** Length of each measurement, of Spark and of its floor. */
  seconds: number
  /** How many schedules are due at one minute; each number is measured by itself. */
  schedules: number[]
  /** Runs at once in a worker and in its floors; each number is measured by itself. */
  concurrency: number[]
  /** Folder for a CPU profile of Spark, which a browser's developer tools open. */
  cpuProf: string | null
}

export const usage = (
  parts: readonly string[],
): string => `usage: npm run bench -- [--only PARTS] [--seconds N] [--schedules N,…] [--concurrency N,…] [--cpu-prof FOLDER]

  --only         the parts to measure, separated by commas; default all: ${parts.join(', ')}
  --seconds      length of each measurement of tasks, runs and overhead; default 5
  --schedules    how many schedules are due at one minute, separated by commas; default 1,100,1000
  --concurrency  runs at once in a worker, separated by commas, at most ${MAX_CONCURRENCY} (the source allows no more); default 100
  --cpu-prof     folder for a CPU profile of Spark, written when it ends`

/** @throws Error whose message is shown to the user */
export const readOptions = (args: string[], parts: readonly string[]): Options | 'help' => {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '5' },
      schedules: { type: 'string', default: '1,100,1000' },
      concurrency: { type: 'string', default: '100' },
      'cpu-prof': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return 'help'
  return {
    only: values.only === undefined ? [...parts] : partsOf(values.only, parts),
    seconds: wholeNumber('--seconds', values.seconds, 1, 3_600),
    schedules: wholeNumbers('--schedules', values.schedules, 1, 100_000),
    concurrency: wholeNumbers('--concurrency', values.concurrency, 1, MAX_CONCURRENCY),
    cpuProf: values['cpu-prof'] ?? null,
  }
}

const listOf = (text: string): string[] => text.split(',').map((item) => item.trim())

const partsOf = (text: string, parts: readonly string[]): string[] => {
  const asked = listOf(text)
  const unknown = asked.find((name) => !parts.includes(name))
  if (unknown !== undefined) throw new Error(`--only: there is no part "${unknown}"; there are ${parts.join(', ')}`)
  return parts.filter((part) => asked.includes(part))
}

const wholeNumbers = (name: string, text: string, min: number, max: number): number[] => [
  ...new Set(listOf(text).map((item) => wholeNumber(name, item, min, max))),
]

const wholeNumber = (name: string, text: string, min: number, max: number): number => {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new Error(`${name} must be a whole number from ${min} to ${max}, not "${text}"`)
}
