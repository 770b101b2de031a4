import { shortestInterval } from '../interval.ts'
import { DAY_OF_WEEK, WEEKDAYS } from './fields.ts'
import { NICKNAMES } from './nicknames.ts'
import type { ParseProblem } from './parse.ts'
import { parseExpression } from './parse.ts'

// Recognises expressions of other schedulers, which users often paste, and says how to write them here. Each function takes an expression that
// cannot be read and returns the end of an error sentence, or null when the expression is not of its kind.

const reads = (expression: string): boolean => !('problem' in parseExpression(expression))

const BOUNDS = 'bound the schedule with start_at and end_at'

/** A day of week with its numbers, which count from `sunday`, as names; null when a number is not a weekday in that count. */
export const namedWeekdays = (text: string, sunday: 0 | 1): string | null => {
  let isKnown = true
  const name = (digits: string) => {
    const day = Number(digits) - sunday
    if (day < 0 || day > (sunday === 1 ? 6 : 7)) isKnown = false
    return WEEKDAYS[(day + 7) % 7]!
  }
  const parts = text.split(',').map((part) => {
    const [days = '', nth = ''] = part.split('#')
    if (/^L$/i.test(days)) return 'SAT'
    const last = /^(\w+)L$/i.exec(days)?.[1]
    const [range = '', step] = (last ?? days).split('/')
    const named = range
      .split('-')
      .map((one) => (/^\d+$/.test(one) ? name(one) : one.toUpperCase()))
      .join('-')
    return `${overTheWeek(named)}${step ? `/${step}` : ''}${last ? '#L' : nth ? `#${nth}` : ''}`
  })
  const named = parts.join(',')
  return isKnown && reads(`* * * * ${named}`) ? named : null
}

/** Splits a range that goes over the end of the week: `FRI-MON` is `FRI-SAT,SUN-MON`. */
const overTheWeek = (range: string): string => {
  const [from = '', to = ''] = range.split('-')
  const [first, last] = [WEEKDAYS.findIndex((day) => day === from), WEEKDAYS.findIndex((day) => day === to)]
  if (first < 0 || last < 0 || first <= last) return range
  return [first === 6 ? 'SAT' : `${from}-SAT`, last === 0 ? 'SUN' : `SUN-${to}`].join(',')
}

const YEAR = /^(?:\*(?:\/\d+)?|(?:19|20)\d\d(?:[-,/]\d+)*)$/
const yearNote = (year: string) => (year === '*' ? '' : `, and ${BOUNDS} instead of the year`)

/** AWS: minute first and year last, with a `?` for one of the days: `0 10 * * ? *`. */
const awsForm = (fields: string[]): string | null => {
  if (fields.length !== 6 || !YEAR.test(fields[5]!) || ![fields[2], fields[4]].includes('?')) return null
  const weekday = namedWeekdays(fields[4]!.replace('?', '*'), 1)
  if (weekday === null) return null
  const write = [...fields.slice(0, 4), weekday].join(' ').replace('?', '*')
  return reads(write)
    ? `is AWS's form, with the minute first and the year last: write "${write}"${yearNote(fields[5]!)}`
    : null
}

/** Quartz: second first and year last. */
const quartzForm = (fields: string[]): string | null => {
  if (fields.length !== 7 || !YEAR.test(fields[6]!)) return null
  const isQuartz = fields.includes('?')
  const weekday = isQuartz ? namedWeekdays(fields[DAY_OF_WEEK]!.replace('?', '*'), 1) : fields[DAY_OF_WEEK]!
  const write = [...fields.slice(fields[0] === '0' ? 1 : 0, DAY_OF_WEEK), weekday].join(' ').replace('?', '*')
  const isRead = weekday !== null && reads(write)
  return `has seven fields: leave the year out and ${BOUNDS}${isRead ? `; write "${write}"` : ''}`
}

/** Five fields, then a year. */
const yearForm = (fields: string[]): string | null => {
  const five = fields.slice(0, 5).join(' ')
  if (fields.length !== 6 || !YEAR.test(fields[5]!) || !reads(five)) return null
  return `has a year as its sixth field: six fields have the second first; write "${five}"${yearNote(fields[5]!)}`
}

/** A line of a crontab: five fields (in /etc/crontab also a user), then a command. */
const crontabLine = (fields: string[]): string | null => {
  const five = fields.slice(0, 5).join(' ')
  if (fields.length < 6 || !reads(five) || !/[a-z/#]/i.test(fields[5]!) || reads(fields.slice(0, 6).join(' ')))
    return null
  return `is a line of a crontab: write only its five fields, "${five}"; what runs is the workflow`
}

/** Jenkins: `H` stands for a value that spreads the starts of jobs. */
const jenkinsForm = (fields: string[]): string | null => {
  if (fields.length !== 5 || !fields.some((field) => /^H|,H/.test(field))) return null
  const write = fields
    .map((field, index) =>
      field
        .replace(/\bH\((\d+)-(\d+)\)\/(\d+)/g, '$1-$2/$3')
        .replace(/\bH\((\d+)-\d+\)/g, '$1')
        .replace(/\bH\//g, '*/')
        .replace(/\bH\b/g, index === 2 || index === 3 ? '1' : '0'),
    )
    .join(' ')
  return reads(write) ? `has H, which is Jenkins': write "${write}", and set jitter to spread the starts` : null
}

const TIME = /^([\d*,/.]+):([\d*,/.]+)(?::([\d*,/.]+))?$/
/** systemd's OnCalendar, such as `Mon..Fri *-*-* 08:00:00`. */
const calendarForm = (fields: string[]): string | null => {
  const time = TIME.exec(fields.at(-1) ?? '')
  const date = fields.find((field) => /^\*-\*-/.test(field))
  if (!time && !date) return null
  const weekday = fields.find((field) => /^[a-z]/i.test(field))
  const numbers = (text: string) => text.replaceAll('..', '-').replace(/\d+/g, (digits) => String(Number(digits)))
  const weekdays = weekday ? numbers(weekday).replace(/[a-z]+/gi, (name) => name.slice(0, 3).toUpperCase()) : '*'
  const [, hour = '0', minute = '0', second = '0'] = time ?? []
  const day = numbers(date?.slice('*-*-'.length) ?? '*')
  const five = [numbers(minute), numbers(hour), day, '*', day === '*' || !weekday ? weekdays : `+${weekdays}`].join(' ')
  const write = Number(second) === 0 ? five : `${numbers(second)} ${five}`
  return `is not a cron expression: write ${fields.length <= 3 && reads(write) ? `"${write}"` : 'minute, hour, day of month, month and day of week, such as "0 8 * * 1-5"'}`
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ['minutely', '* * * * *'],
  ['every_minute', '* * * * *'],
  ['secondly', '* * * * * *'],
  ['every_second', '* * * * * *'],
  ['weekday', '0 0 * * MON-FRI'],
  ['quarterly', '0 0 1 1,4,7,10 *'],
  ['semiannually', '0 0 1 1,7 *'],
  ['weekdays', '0 0 * * MON-FRI'],
  ['weekends', '0 0 * * SAT,SUN'],
])

const word = (given: string): string | null => {
  const name = given.replace(/^(?:@|every\s+)/i, '').toLowerCase()
  // `daily` and `every day` are both meant as `@daily`.
  const nickname = [`@${name}`, `@${name.replace(/y$/, 'i')}ly`].find((one) => NICKNAMES.has(one))
  const write = nickname ?? WORDS.get(name)
  if (write) return `is not known: write "${write}"`
  if (name === 'reboot')
    return 'has no due times: Spark does not run a flow when a machine starts; write when it is to run, or start a manual run'
  if (!given.startsWith('@')) return null
  return `is not one of ${[...NICKNAMES.keys()].join(', ')}`
}

const intervalForm = (text: string): string | null => {
  const interval = shortestInterval(text)
  return interval && `is an interval: set schedule_type to "interval" and write "${interval}"`
}

const wrapped = (given: string): string | null => {
  const zone = /^(?:CRON_)?TZ=(\S+)\s+(.+)$/is.exec(given)
  if (zone) return `names a time zone: set timezone to "${zone[1]}" and write "${zone[2]}"`
  const labelled = /^(?:-\s*)?cron:\s*["']?([^"']+)/i.exec(given)?.[1]?.trim()
  if (labelled) return `is more than the expression: write "${labelled}"`
  const quoted = /^(["'`])(.+)\1$/s.exec(given)?.[2]
  if (quoted) return `is in quotes: write it without them, "${quoted.trim()}"`
  const aws = /^cron\((.+)\)$/is.exec(given)?.[1]?.trim()
  if (aws)
    return (
      awsForm(aws.split(/\s+/)) ??
      (reads(aws)
        ? `is in brackets: write "${aws}"`
        : `is AWS's form: write minute, hour, day of month, month and day of week as they are here, such as "0 8 * * MON-FRI"`)
    )
  if (/\n/.test(given) && given.split(/\n+/).every((line) => reads(line)))
    return 'has several lines: make a schedule of each'
  const rate = /^rate\((.+)\)$/is.exec(given)?.[1]
  if (rate) return intervalForm(rate)
  const at = /^at\((.+)\)$/is.exec(given)?.[1] ?? (/^\d{4}-\d\d-\d\d(?:[T ]|$)/i.test(given) ? given : null)
  if (at) return `is one time: set schedule_type to "one-time" and write "${at}"`
  return /^@every\b/i.test(given)
    ? (intervalForm(given.slice(6)) ?? 'is an interval: set schedule_type to "interval" and write it like "15m"')
    : null
}

/** What an unreadable expression is in another scheduler and how to write it here; null when no scheduler that we know has it. */
export const foreignForm = (given: string, found: ParseProblem): string | null => {
  const fields = given.split(/\s+/)
  const form =
    wrapped(given) ??
    word(given) ??
    intervalForm(given.replace(/^every\s+/i, '')) ??
    awsForm(fields) ??
    quartzForm(fields) ??
    (found.problem === 'weekday numbers' ? null : yearForm(fields)) ??
    jenkinsForm(fields) ??
    calendarForm(fields) ??
    crontabLine(fields)
  return form && `"${given}" ${form}`
}
