import { randomExpressions, usualExpressions } from '@automagik-spark/testing'
import { describe, expect, it } from 'vitest'
import { nextLocal } from '../src/schedule/cron/calendar.ts'
import { readCron } from '../src/schedule/cron/pattern.ts'
import { descriptionOf, warningsOf } from '../src/schedule/describe.ts'

// Reads a description back from its words alone, and compares what it claims with the due times.

type Claim = {
  seconds: number[]
  minutes: number[]
  hours: number[]
  clock: Set<string> | null
  onDay: (day: Date) => boolean
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ')
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const NTH = ['last', 'first', 'second', 'third', 'fourth', 'fifth']
const all = (size: number) => Array.from({ length: size }, (_, value) => value)
const N = String.raw`\d+(?: to \d+)?`
const LIST = `${N}(?:, ${N})*(?: and ${N})?`
const CLOCK = String.raw`\d\d:\d\d(?::\d\d)?`
const NAME = `(?:${DAYS.join('|')})`
const BETWEEN = String.raw`between \d\d:00 and \d\d:59`

const listed = (text: string): number[] =>
  text.split(/, | and /).flatMap((one) => {
    const [from, to = from] = one.split(' to ').map(Number) as [number, number?]
    return all(to - from + 1).map((value) => value + from)
  })
const stepped = (text: string | undefined, size: number) => all(size).filter((value) => value % Number(text ?? 1) === 0)

/** Consumes patterns from the front of the text. */
const makeEater = (whole: string) => {
  let rest = whole
  return {
    eat: (pattern: string): RegExpExecArray | null => {
      const found = new RegExp(`^(?:, )?${pattern}(?=,|$| and | or | if )`).exec(rest)
      if (found) rest = rest.slice(found[0].length)
      return found
    },
    skip: (text: string): boolean => {
      const isThere = rest.startsWith(text)
      if (isThere) rest = rest.slice(text.length)
      return isThere
    },
    rest: () => rest.replace(/^, /, ''),
  }
}

const namedDays = (text: string): number[] => {
  const run = /^(\w+) through (\w+)$/.exec(text)
  if (!run) return text.split(/, | and | or /).map((name) => DAYS.indexOf(name))
  const [from, to] = [DAYS.indexOf(run[1]!), DAYS.indexOf(run[2]!)]
  return all(((to - from + 7) % 7) + 1).map((index) => (from + index) % 7)
}

const lastOf = (day: Date) => new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate()
const weekdayAt = (day: Date, date: number) =>
  new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), date)).getUTCDay()
const nearest = (day: Date, date: number) =>
  [0, -1, 1, -2, 2]
    .map((by) => date + by)
    .find((one) => one >= 1 && one <= lastOf(day) && weekdayAt(day, one) % 6 !== 0)

type OnDay = (day: Date) => boolean
const eatDate = ({ eat }: ReturnType<typeof makeEater>): OnDay | null => {
  const days = eat(`on days? (${LIST}) of the month`)
  if (days) {
    const dates = new Set(listed(days[1]!))
    return (day) => dates.has(day.getUTCDate())
  }
  if (eat('on the last day of the month')) return (day) => day.getUTCDate() === lastOf(day)
  if (eat('on the last weekday of the month')) return (day) => day.getUTCDate() === nearest(day, lastOf(day))
  const near = eat(String.raw`on the weekday nearest day (\d+) of the month`)
  return near && ((day) => Number(near[1]) <= lastOf(day) && day.getUTCDate() === nearest(day, Number(near[1])))
}
const eatWeekday = ({ eat }: ReturnType<typeof makeEater>): OnDay | null => {
  const nth = eat(
    `(?:only )?(?:on )?the (${NTH.join('|')}) (${NAME}(?:, ${NAME})*(?: (?:and|or) ${NAME})?) of the month`,
  )
  if (nth) {
    const weekdays = new Set(namedDays(nth[2]!))
    return (day) => {
      const isNth =
        nth[1] === 'last'
          ? day.getUTCDate() + 7 > lastOf(day)
          : Math.ceil(day.getUTCDate() / 7) === NTH.indexOf(nth[1]!)
      return weekdays.has(day.getUTCDay()) && isNth
    }
  }
  const plain = eat(`(?:only )?(?:on )?(${NAME} through ${NAME}|${NAME}(?:, ${NAME})*(?: (?:and|or) ${NAME})?)`)
  const weekdays = new Set(plain ? namedDays(plain[1]!) : [])
  return plain && ((day) => weekdays.has(day.getUTCDay()))
}
/** Several of a kind, joined by commas and "and": one is enough. */
const eatAll = (
  eater: ReturnType<typeof makeEater>,
  eatOne: (eater: ReturnType<typeof makeEater>) => OnDay | null,
  joins = false,
): OnDay | null => {
  const found: OnDay[] = []
  for (let one = eatOne(eater); one; one = eatOne(eater)) {
    found.push(one)
    if (!eater.skip(' and ') && joins) eater.skip(' or ')
  }
  return found.length > 0 ? (day) => found.some((one) => one(day)) : null
}

const readBack = (sentence: string): Claim => {
  const eater = makeEater(sentence)
  const claim: Claim = { seconds: [0], minutes: all(60), hours: all(24), clock: null, onDay: () => true }
  const clock = eater.eat(`At (${CLOCK}(?:, ${CLOCK})*(?: and ${CLOCK})?)`)
  const hours = clock ? null : eater.eat(String.raw`Every (?:(\d+) )?hours?(?: from 00:00)?`)
  const minutes = clock || hours ? null : eater.eat(String.raw`Every (?:(\d+) )?minutes?`)
  const past = clock || hours || minutes ? null : eater.eat(`At (${LIST}) minutes? past the hour`)
  const seconds =
    clock || hours || minutes || past
      ? null
      : (eater.eat(String.raw`Every (?:(\d+) )?seconds?`) ?? eater.eat(`At (${LIST}) seconds? past the minute`))
  if (clock) claim.clock = new Set(clock[1]!.split(/, | and /).map((text) => (text.length === 5 ? `${text}:00` : text)))
  if (hours) Object.assign(claim, { minutes: [0], hours: stepped(hours[1], 24) })
  if (minutes) claim.minutes = stepped(minutes[1], 60)
  if (past) claim.minutes = listed(past[1]!)
  if (seconds) {
    claim.seconds = seconds[0].startsWith('At') ? listed(seconds[1]!) : stepped(seconds[1], 60)
    const inMinutes = eater.eat(`in minutes? (${LIST}) of the hour`)
    if (inMinutes) claim.minutes = listed(inMinutes[1]!)
  }
  const between = eater.eat(`(${BETWEEN}(?:(?:, | and )${BETWEEN})*)`)
  if (between)
    claim.hours = [...between[1]!.matchAll(/between (\d\d):00 and (\d\d):59/g)].flatMap(([, from, to]) =>
      listed(`${Number(from)} to ${Number(to)}`),
    )
  const inHours = eater.eat(`in the hours (${LIST})`)
  if (inHours) claim.hours = listed(inHours[1]!)

  eater.eat('every day')
  const date = eatAll(eater, eatDate)
  const both = eater.skip(' if it is also ')
  if (!both) eater.skip(' or ')
  const weekday = eatAll(eater, eatWeekday, true)
  const months = /^only in (.+)$/.exec(eater.rest())
  if (!months && eater.rest() !== '') throw new Error(`"${sentence}": cannot read "${eater.rest()}"`)
  const inMonths = months?.[1]?.split(/, | and /).flatMap((text) => {
    const [from, to = from] = text.split(' through ').map((name) => MONTHS.indexOf(name)) as [number, number?]
    return all(to - from + 1).map((index) => index + from)
  })
  claim.onDay = (day) => {
    if (inMonths && !inMonths.includes(day.getUTCMonth())) return false
    if (date && weekday) return both ? date(day) && weekday(day) : date(day) || weekday(day)
    return (date ?? weekday)?.(day) ?? true
  }
  return claim
}

const two = (value: number) => String(value).padStart(2, '0')

const contradiction = (expression: string): string | null => {
  const { cron } = readCron(expression)!
  const sentence = descriptionOf({
    schedule_type: 'cron',
    schedule_expr: expression,
    timezone: 'UTC',
    read: 'today',
  }).replace(' (UTC)', '')
  const claim = readBack(sentence)
  const { seconds, minutes, hours } = cron
  if (claim.clock) {
    const times = hours.values.flatMap((hour) =>
      minutes.values.flatMap((minute) => seconds.values.map((second) => [hour, minute, second].map(two).join(':'))),
    )
    if (times.join() !== [...claim.clock].join()) return `${expression}: "${sentence}" and ${times.join()}`
  } else if (
    [claim.seconds, claim.minutes, claim.hours].join('|') !== [seconds.values, minutes.values, hours.values].join('|')
  ) {
    return `${expression}: "${sentence}" and ${[seconds.values, minutes.values, hours.values].join('|')}`
  }
  // 2027 and the leap year 2028.
  for (let month = 0; month < 24; month++) {
    const bits = cron.days(2027 + Math.floor(month / 12), month % 12)
    for (let date = 1; date <= lastOf(new Date(Date.UTC(2027, month, 1))); date++) {
      const day = new Date(Date.UTC(2027, month, date))
      if (((bits >>> (date - 1)) & 1) !== Number(claim.onDay(day)))
        return `${expression}: "${sentence}" and ${day.toISOString().slice(0, 10)}`
    }
  }
  return null
}

describe('a description never names what the times contradict', () => {
  it.each([
    ['expressions as people write them', usualExpressions(600, 7)],
    ['random expressions', randomExpressions(1000, 11)],
  ])('%s', (_, expressions) => {
    expect(
      expressions.flatMap((expression) =>
        readCron(expression) ? (contradiction(expression) ?? []) : [`${expression} is not read`],
      ),
    ).toEqual([])
  })
})

describe('warnings say nothing that the times contradict', () => {
  const now = new Date('2027-01-01T00:00:00Z')
  it('of random expressions', () => {
    for (const expression of randomExpressions(1000, 13)) {
      const { cron, parsed } = readCron(expression)!
      const said = warningsOf(
        { schedule_type: 'cron', schedule_expr: expression, timezone: 'Europe/Lisbon', read: 'today' },
        now,
      )
      const has = (text: string) => said.some((one) => one.includes(text))
      expect({ expression, never: has('never fires') }).toEqual({
        expression,
        never: nextLocal(cron, now.getTime()) === null,
      })
      // The clock of Lisbon leaves out 01:00 to 02:00 on 28 March 2027.
      const skipped = nextLocal(cron, Date.UTC(2027, 2, 28, 1))
      const isSkipped = skipped !== null && skipped < Date.UTC(2027, 2, 28, 2) && !has('never fires')
      const everyHour = !cron.fixed && cron.hours.values.length === 24
      expect({ expression, gap: has('2027-03-28') }).toEqual({ expression, gap: isSkipped && !everyHour })
      if (has('when either matches')) expect(parsed.both).toBe(false)
      if (has('must both match')) expect(parsed.both).toBe(true)
      for (const [, date] of said.join(' ').matchAll(/months that have no day (\d+)/g)) {
        for (let month = 0; month < 12; month++) expect(cron.days(2027, month) & (2 ** (Number(date) - 1) - 1)).toBe(0)
      }
    }
  })
})
