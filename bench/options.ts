import { parseArgs } from 'node:util'

export const PARTS = ['tasks', 'runs', 'schedules'] as const
export type Part = (typeof PARTS)[number]
export type Options = {
  only: Part[]
  /** Of each measurement of Spark, and of each of its floor. */
  seconds: number
  schedules: number
  /** Where the CPU profile of Spark goes, to be opened in a browser's developer tools. */
  cpuProf: string | null
}

export const USAGE = `usage: npm run bench -- [--only ${PARTS.join(',')}] [--seconds N] [--schedules N] [--cpu-prof FOLDER]

  --only       which parts, separated by commas; all of them unless given
  --seconds    how long each measurement takes; 5 unless given
  --schedules  how many schedules are due at one minute; 1000 unless given
  --cpu-prof   writes a CPU profile of Spark there when it ends`

/** @throws Error with a sentence for people */
export const readOptions = (args: string[]): Options | 'help' => {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '5' },
      schedules: { type: 'string', default: '1000' },
      'cpu-prof': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return 'help'
  return {
    only: values.only === undefined ? [...PARTS] : partsOf(values.only),
    seconds: wholeNumber('--seconds', values.seconds, 1, 3_600),
    schedules: wholeNumber('--schedules', values.schedules, 1, 100_000),
    cpuProf: values['cpu-prof'] ?? null,
  }
}

const partsOf = (text: string): Part[] => {
  const asked = text.split(',').map((name) => name.trim())
  const unknown = asked.find((name) => !PARTS.some((part) => part === name))
  if (unknown !== undefined) throw new Error(`--only: there is no part "${unknown}"; there are ${PARTS.join(', ')}`)
  return PARTS.filter((part) => asked.includes(part))
}

const wholeNumber = (name: string, text: string, min: number, max: number): number => {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new Error(`${name} must be a whole number from ${min} to ${max}, not "${text}"`)
}
