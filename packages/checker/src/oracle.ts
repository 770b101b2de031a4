// Finds due times by reading the clock of every second (or minute), with Intl alone. That is slow, and shares no code with the decider (no import): it
// reads expressions by itself, so that a mistake in one of the two shows as a difference, in tests and when a running Spark is checked.

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const NICKNAMES: Record<string, string> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
}

type Wall = { year: number; month: number; day: number; hour: number; minute: number; second: number }

const clocks = new Map<string, Intl.DateTimeFormat>()

/** The time that the clock of a zone shows. */
const wallAt = (zone: string, at: number): Wall => {
  let clock = clocks.get(zone)
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    })
    clocks.set(zone, clock)
  }
  const [month, day, year, hour, minute, second] = clock.format(at).split(/\D+/).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ] // six numbers in this order
  return { year, month, day, hour, minute, second }
}

type Shown = { at: number; wall: Wall }
let scanned: { key: string; shown: Shown[] } = { key: '', shown: [] }

/** The clock at every step of a span. It is kept, because the next expression usually needs the same span. */
const scan = (zone: string, from: number, until: number, step: number): Shown[] => {
  const key = [zone, from, until, step].join('|')
  if (scanned.key !== key) {
    const shown: Shown[] = []
    for (let at = from; at < until; at += step) shown.push({ at, wall: wallAt(zone, at) })
    scanned = { key, shown }
  }
  return scanned.shown
}

const asNumber = (wall: Wall) => Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second)

const valueOf = (text: string, names: string[], first: number): number => {
  const named = names.indexOf(text.toLowerCase())
  return named >= 0 ? named + first : Number(text)
}

const allows = (field: string, value: number, min: number, max: number, names: string[] = []): boolean =>
  field.split(',').some((part) => {
    const [range, step = '1'] = part.split('/') as [string, string?]
    if (range === '*') return (value - min) % Number(step) === 0
    const [from, last] = range.split('-').map((end) => valueOf(end, names, min)) as [number, number?]
    const isWeekEnd = last === 0 && from > 0 && max === 7 && /-sun/i.test(range)
    const to = isWeekEnd ? 7 : (last ?? (part.includes('/') ? max : from))
    return value >= from && value <= Math.min(to, max) && (value - from) % Number(step) === 0
  })

/** For each value up to `max`, whether a field allows it. */
const table = (field: string, min: number, max: number, names: string[] = []): boolean[] =>
  Array.from({ length: max + 1 }, (_, value) => value >= min && allows(field, value, min, max, names))

const daysIn = (wall: Wall) => new Date(Date.UTC(wall.year, wall.month, 0)).getUTCDate()

const weekdayOf = (wall: Wall, day = wall.day) => new Date(Date.UTC(wall.year, wall.month - 1, day)).getUTCDay()
const isWorkday = (wall: Wall, day: number) => weekdayOf(wall, day) % 6 !== 0

/** The working day of the month that is nearest to a day; of two that are equally near, the one in that day's own week. */
const nearestWorkday = (wall: Wall, day: number): number | undefined =>
  [0, -1, 1, -2, 2].map((by) => day + by).find((near) => near >= 1 && near <= daysIn(wall) && isWorkday(wall, near))

const dateMatches = (field: string, wall: Wall): boolean =>
  field
    .toUpperCase()
    .split(',')
    .some((part) => {
      if (part === 'L') return wall.day === daysIn(wall)
      if (!part.endsWith('W')) return allows(part, wall.day, 1, 31)
      const day = part === 'LW' ? daysIn(wall) : Number(part.slice(0, -1))
      return day <= daysIn(wall) && wall.day === nearestWorkday(wall, day)
    })

const weekdayMatches = (field: string, wall: Wall): boolean => {
  const weekday = weekdayOf(wall)
  const isDay = (text: string) =>
    allows(text, weekday, 0, 7, WEEKDAYS) || (weekday === 0 && allows(text, 7, 0, 7, WEEKDAYS))
  return field.split(',').some((part) => {
    const [, day, nth] = /^(.+?)(?:#(\d)|#?L)$/i.exec(part) ?? []
    if (day === undefined) return isDay(part)
    return isDay(day) && (nth === undefined ? wall.day + 7 > daysIn(wall) : Math.ceil(wall.day / 7) === Number(nth))
  })
}

const fieldsOf = (expression: string): string[] => {
  const fields = (NICKNAMES[expression.toLowerCase()] ?? expression)
    .split(/\s+/)
    .map((field) => field.replace('?', '*'))
  return fields.length === 5 ? ['0', ...fields] : fields
}

const beginsWithStar = (field: string) => field.startsWith('*')

// No clock of our time was set back by more: reading begins so much earlier, to know which times the clock has shown already.
const REPEATED = 4 * 3600_000

/** The due times of a cron expression in [from, until), as ISO text. */
export const oracle = (expression: string, zone: string, from: Date, until: Date): string[] => {
  const [second, minute, hour, date, month, weekday] = fieldsOf(expression) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ] // six fields
  const [seconds, minutes, hours, months] = [
    table(second, 0, 59),
    table(minute, 0, 59),
    table(hour, 0, 23),
    table(month, 1, 12, MONTHS),
  ]
  const dayMatches = (wall: Wall): boolean => {
    if (!months[wall.month]) return false
    const [byDate, byWeekday] = [dateMatches(date, wall), weekdayMatches(weekday.replace('+', ''), wall)]
    return weekday.startsWith('+') || beginsWithStar(date) || beginsWithStar(weekday)
      ? byDate && byWeekday
      : byDate || byWeekday
  }
  const matches = (wall: Wall) =>
    seconds[wall.second]! && minutes[wall.minute]! && hours[wall.hour]! && dayMatches(wall)
  const fixed = ![second, minute, hour].some(beginsWithStar)

  const step = second === '0' ? 60_000 : 1000
  const found: string[] = []
  const day = 24 * 3600_000
  let furthest = -Infinity
  for (const { at, wall } of scan(zone, Math.ceil(from.getTime() / step) * step - REPEATED, until.getTime(), step)) {
    if (!fixed) {
      if (at >= from.getTime() && matches(wall)) found.push(new Date(at).toISOString())
      continue
    }
    const shown = asNumber(wall)
    const isFirst = furthest === -Infinity || shown > furthest
    let due = isFirst && matches(wall)
    // The clock jumped forward: a time that it jumped over is due now. A whole date that a zone left out has no due times.
    if (isFirst && furthest !== -Infinity && shown - furthest - step < day) {
      for (let skipped = furthest + step; skipped < shown && !due; skipped += step) {
        const then = new Date(skipped)
        due = matches({
          year: then.getUTCFullYear(),
          month: then.getUTCMonth() + 1,
          day: then.getUTCDate(),
          hour: then.getUTCHours(),
          minute: then.getUTCMinutes(),
          second: then.getUTCSeconds(),
        })
      }
    }
    if (isFirst) furthest = shown
    if (due && at >= from.getTime()) found.push(new Date(at).toISOString())
  }
  return found
}

/** The columns of a schedule that decide its due times. */
export type OraclePlan = {
  schedule_type: 'cron' | 'interval' | 'one-time'
  schedule_expr: string
  timezone: string
  anchor: Date
  start_at: Date | null
  end_at: Date | null
}

const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 }
/** No zone is further from UTC than this. */
const FURTHEST = 26 * 3600_000

const intervalTimes = (plan: OraclePlan, from: Date, until: Date): number[] => {
  const seconds = Number(plan.schedule_expr.slice(0, -1)) * UNIT_SECONDS[plan.schedule_expr.slice(-1).toLowerCase()]!
  const anchor = (plan.start_at ?? plan.anchor).getTime() / 1000
  const first = plan.start_at ? anchor : anchor + 1 // only a `start_at` is itself a due time
  const found: number[] = []
  for (let at = Math.max(first, Math.ceil(from.getTime() / 1000)); at < until.getTime() / 1000; at++)
    if ((at - anchor) % seconds === 0) found.push(at * 1000)
  return found
}

const oneTimeTimes = ({ schedule_expr, timezone }: OraclePlan): number[] => {
  const written = schedule_expr.trim().replace(/ (?=[+-]|z$)/i, '')
  const offset = /([+-]\d\d):?(\d\d)?$/.exec(written.slice(10))
  const clock = written
    .replace(/(?:z|[+-]\d\d(?::?\d\d)?)$/i, (end, at: number) => (at > 10 ? '' : end))
    .replace(',', '.')
  if (/z$/i.test(written) || offset)
    return [Math.ceil(Date.parse(`${clock}${offset ? `${offset[1]}:${offset[2] ?? '00'}` : 'Z'}`) / 1000) * 1000]
  const shown = Math.ceil(Date.parse(`${clock}Z`) / 1000) * 1000
  for (let at = shown - FURTHEST; at <= shown + FURTHEST; at += 1000)
    if (asNumber(wallAt(timezone, at)) === shown) return [at]
  return []
}

/** The due times of a schedule in [from, until), within its `start_at` and `end_at`. */
export const dueTimesByClock = (plan: OraclePlan, from: Date, until: Date): Date[] => {
  const times = {
    cron: () => oracle(plan.schedule_expr, plan.timezone, from, until).map((text) => Date.parse(text)),
    interval: () => intervalTimes(plan, from, until),
    'one-time': () => oneTimeTimes(plan),
  }[plan.schedule_type]()
  const isWithin = (at: number) =>
    at >= from.getTime() &&
    at < until.getTime() &&
    (!plan.start_at || at >= plan.start_at.getTime()) &&
    (!plan.end_at || at < plan.end_at.getTime())
  return times.filter(isWithin).map((at) => new Date(at))
}
