import { ceilToSecond, DAY, floorToSecond, SECOND } from '../clock.ts'
import { invalid } from '../errors.ts'
import { listWords } from '../list-words.ts'
import { isReadByOldOnly } from './cron/old-reader.ts'
import { readCron } from './cron/pattern.ts'
import { cronProblem } from './cron/problem.ts'
import type { Misfire, Overlap } from './decide.ts'
import { DAY_NOTE } from './describe.ts'
import { MAX_INTERVAL_DAYS, parseInterval, shortestInterval } from './interval.ts'
import { firstInstant, instantsOf, localOf, localText, utcText } from './local-time.ts'
import type { Plan } from './plan.ts'
import { nextDue, SCHEDULE_TYPES } from './plan.ts'
import { readZone } from './timezone.ts'
import { readTime } from './written-time.ts'

export type PlanInput = {
  schedule_type: Plan['schedule_type']
  schedule_expr: string
  timezone: string
  start_at: Date | null
  end_at: Date | null
  /** Seconds. */
  jitter?: number
  now: Date
  /** The plan that is edited: a time that it has already is accepted although it has passed. */
  stored?: Plan | null
  /** For a preview: a plan without a due time is accepted. */
  mayNeverFire?: boolean
}

export type ValidPlan = Omit<Plan, 'seed'> & {
  /** Whether type, expression, timezone, bounds or jitter differ from the stored plan, so that times move. True without a stored plan. */
  moves: boolean
}

/** Seconds. */
export const MAX_JITTER = DAY / SECOND

const refused = (expression: string, why: string) => invalid('schedule_expr', `"${expression}" ${why}`)

const UNIT = 'write a whole number and s, m, h or d, such as "15m"'

/** Why an expression is not an interval, and what to write instead. */
const intervalProblem = (expression: string): string => {
  if (/^\d+$/.test(expression)) return `has no unit: write "${expression}s" for seconds, or m, h or d`
  if (/^@(?!every\b)/i.test(expression) || readCron(expression))
    return 'is a cron expression: set schedule_type to "cron"'
  const interval = shortestInterval(expression.replace(/^(?:@?every|rate)\b[\s(]*|\)$/gi, ''))
  if (!interval) return `is not an interval: ${UNIT}`
  return `is not an interval: write "${interval}"${interval.endsWith('d') ? ` (elapsed time: ${DAY_NOTE})` : ''}`
}

const validateInterval = (expression: string): string => {
  const interval = parseInterval(expression)
  if (!interval) throw refused(expression, intervalProblem(expression))
  if (interval.count < 1) throw refused(expression, `is zero: write 1 or more, such as "1${interval.unit}"`)
  if (interval.ms > MAX_INTERVAL_DAYS * DAY)
    throw refused(expression, `is too long: write at most ${MAX_INTERVAL_DAYS}d (a hundred years)`)
  return expression
}

const validateCron = (expression: string, zone: string, { now, mayNeverFire }: PlanInput): string => {
  const problem = cronProblem(expression, mayNeverFire ? null : localOf(zone, now.getTime()))
  if (problem) throw invalid('schedule_expr', problem)
  return expression
}

/** An instant in UTC, as the user may write it, and on the zone's clock. */
const shown = (zone: string, at: number) => `${utcText(at)} (${localText(localOf(zone, at)).slice(11)} there)`

const localInstant = (expression: string, zone: string, local: number): number => {
  const [one, other] = instantsOf(zone, local)
  if (one !== undefined && other === undefined) return one
  if (one !== undefined && other !== undefined) {
    const write = `write ${utcText(one)} for the first or ${utcText(other)} for the second`
    throw refused(expression, `exists twice in ${zone}, where the clock is set back: ${write}`)
  }
  const { at, gap } = firstInstant(zone, local)
  const early = at + (local - localOf(zone, at))
  const write = `write ${shown(zone, early)} or ${shown(zone, early + gap)}`
  throw refused(expression, `does not exist in ${zone}, where the clock is set forward: ${write}`)
}

const past = (expression: string, second: Date) =>
  refused(expression, `lies in the past (it is ${utcText(second.getTime())}): write a later time, or "now"`)

const validateOneTime = (expression: string, zone: string, { now, stored }: PlanInput): string => {
  const second = floorToSecond(now)
  if (expression.toLowerCase() === 'now') return utcText(second.getTime())
  const written = readTime(expression)
  if ('problem' in written) {
    const isForm = written.problem.startsWith('is not a time')
    throw refused(
      expression,
      isForm ? `${written.problem} (without Z it is read in timezone), or "now"` : written.problem,
    )
  }
  if (stored?.schedule_type === 'one-time' && stored.timezone === zone && stored.schedule_expr === expression)
    return expression
  const at =
    written.kind === 'instant'
      ? Math.ceil(written.at / SECOND) * SECOND
      : localInstant(expression, zone, Math.ceil(written.local / SECOND) * SECOND)
  if (at < second.getTime()) throw past(expression, second)
  return expression
}

const validateJitter = (jitter: number, type: Plan['schedule_type'], expression: string): number => {
  if (!Number.isInteger(jitter) || jitter < 0) throw invalid('jitter', 'must be a whole number of seconds, 0 or more')
  if (jitter > MAX_JITTER) throw invalid('jitter', `must be at most ${MAX_JITTER} (a day)`)
  const interval = type === 'interval' ? parseInterval(expression) : null
  if (interval && jitter * SECOND >= interval.ms) {
    throw invalid(
      'jitter',
      `must be shorter than the interval "${expression}": write at most ${interval.ms / SECOND - 1}`,
    )
  }
  return jitter
}

/** The expression as it is stored. */
const validateExpression = (expression: string, zone: string, input: PlanInput): string => {
  if (input.schedule_type === 'cron') return validateCron(expression, zone, input)
  return input.schedule_type === 'interval' ? validateInterval(expression) : validateOneTime(expression, zone, input)
}

/** A new schedule, and an edit that moves times, must have a due time ahead. */
const requireDueTime = (plan: Plan, now: Date): void => {
  const { end_at, start_at, schedule_type } = plan
  const second = floorToSecond(now)
  if (end_at && end_at <= second) {
    throw invalid('end_at', `lies in the past (it is ${utcText(second.getTime())}): write a later time, or null`)
  }
  // A one-time schedule may be due in the current second; the others begin after it.
  const after = schedule_type === 'one-time' ? new Date(second.getTime() - SECOND) : second
  if (nextDue(plan, after)) return
  const unbounded = nextDue({ ...plan, end_at: null }, after)
  if (unbounded) {
    throw invalid(
      'end_at',
      `leaves no due time: the first is ${utcText(unbounded.getTime())}; write a later time than that, or null`,
    )
  }
  if (start_at && nextDue({ ...plan, start_at: null, end_at: null }, after)) {
    throw invalid('start_at', `leaves no due time for "${plan.schedule_expr}": write an earlier time, or null`)
  }
  if (schedule_type === 'one-time') throw past(plan.schedule_expr, second)
  throw refused(plan.schedule_expr, 'has no due time before the year 10000: write another')
}

const folded = (text: string) => text.trim().replace(/\s+/g, ' ').toLowerCase()
const sameTime = (one: Date | null, other: Date | null) => one?.getTime() === other?.getTime()

/** Makes a plan of what a client gives. Throws with the field that is wrong and what to write instead. */
export const validatePlan = (input: PlanInput): ValidPlan => {
  const { schedule_type, now } = input
  const stored = input.stored ?? null
  if (!SCHEDULE_TYPES.includes(schedule_type)) {
    throw invalid('schedule_type', `"${String(schedule_type)}" is not a type: write ${listWords(SCHEDULE_TYPES, 'or')}`)
  }
  const answer = input.timezone === stored?.timezone ? { zone: stored.timezone } : readZone(input.timezone)
  if ('problem' in answer) throw invalid('timezone', answer.problem)
  const timezone = answer.zone
  const expression = input.schedule_expr.trim()
  // An expression that only the old reader accepts was stored by an earlier release; it stays until an edit moves its times.
  const isOld =
    schedule_type === 'cron' &&
    stored?.schedule_type === 'cron' &&
    stored.schedule_expr === expression &&
    isReadByOldOnly(expression)
  const schedule_expr = isOld ? expression : validateExpression(expression, timezone, input)
  const start_at = input.start_at && ceilToSecond(input.start_at)
  const end_at = input.end_at && ceilToSecond(input.end_at)
  if (start_at && end_at && end_at <= start_at)
    throw invalid('end_at', `must be later than start_at (${utcText(start_at.getTime())})`)
  const jitter = validateJitter(input.jitter ?? 0, schedule_type, schedule_expr)

  const same = stored?.schedule_type === schedule_type && folded(stored.schedule_expr) === folded(schedule_expr)
  const anchor = same ? stored.anchor : floorToSecond(now)
  const sameBounds = same && sameTime(stored.start_at, start_at) && sameTime(stored.end_at, end_at)
  const moves = !sameBounds || stored.timezone !== timezone || stored.jitter !== jitter
  if (moves && isOld) validateExpression(expression, timezone, input)
  const plan = { schedule_type, schedule_expr, timezone, anchor, start_at, end_at, jitter }
  if (moves && !input.mayNeverFire) requireDueTime({ ...plan, seed: '' }, now)
  return { ...plan, moves }
}

export type OptionsInput = {
  overlap: Overlap
  misfire: Misfire
  /** Seconds; null for the default of the type. */
  catchup_window?: number | null
  max_runs?: number | null
  /** The schedule that is edited. */
  stored?: { max_runs: number | null; run_count: number } | null
}

/** Seconds. */
export const MAX_CATCHUP_WINDOW = (366 * DAY) / SECOND

/** Throws when options contradict each other or what has already run. */
export const validateOptions = ({ overlap, misfire, catchup_window, max_runs, stored }: OptionsInput): void => {
  if (misfire === 'all' && overlap !== 'queue_all' && overlap !== 'allow') {
    const write = 'set overlap to "queue_all" or "allow", or misfire to "last"'
    throw invalid('misfire', `"all" runs several late due times, which overlap "${overlap}" would not: ${write}`)
  }
  const isWindow = (seconds: number) => Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_CATCHUP_WINDOW
  if (catchup_window != null && !isWindow(catchup_window)) {
    throw invalid('catchup_window', `must be a whole number of seconds from 0 to ${MAX_CATCHUP_WINDOW}`)
  }
  if (max_runs == null) return
  if (!Number.isInteger(max_runs) || max_runs < 1)
    throw invalid('max_runs', 'must be a whole number, 1 or more, or null')
  if (stored && stored.max_runs !== max_runs && max_runs <= stored.run_count) {
    const { run_count } = stored
    throw invalid(
      'max_runs',
      `must be more than the ${run_count} that have started: write ${run_count + 1} or more, or null`,
    )
  }
}
