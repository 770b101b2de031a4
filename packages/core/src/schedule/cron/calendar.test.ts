import { describe, expect, it } from 'vitest'
import { countLocal, nextLocal, previousLocal } from './calendar.ts'
import { readCron } from './pattern.ts'
import { cronProblem } from './problem.ts'

/** A small generator with the same numbers in every run. */
const makeRandom = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}

const RANGES = [
  [0, 59],
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const

/** Random expressions: mostly readable, some that never fire, some broken. */
const makeExpressions = (count: number): string[] => {
  const random = makeRandom(42)
  const int = (min: number, max: number) => min + Math.floor(random() * (max - min + 1))
  const part = (index: number): string => {
    const [min, max] = RANGES[index]!
    const kind = random()
    if (kind < 0.3) return '*'
    if (kind < 0.5) return String(int(min, max))
    if (kind < 0.65) return `*/${int(1, max)}`
    if (kind < 0.8) return [int(min, max), int(min, max)].sort((one, other) => one - other).join('-')
    if (kind < 0.9) return Array.from({ length: int(2, 6) }, () => int(min, max)).join(',')
    if (index === 3) return ['L', 'LW', '15W', '31', '?', '29,30,31'][int(0, 5)]!
    if (index === 4) return ['FEB', 'apr,jun', '2', '9-11'][int(0, 3)]!
    if (index === 5) return ['MON#5', '5L', '+FRI', 'SAT-SUN', 'FRI#L', '1-5#1'][int(0, 5)]!
    return String(int(min, max + 3))
  }
  return Array.from({ length: count }, () =>
    (random() < 0.6 ? [1, 2, 3, 4, 5] : [0, 1, 2, 3, 4, 5]).map(part).join(' '),
  )
}

const START = Date.UTC(2026, 1, 27, 23, 59, 30)

describe('10,000 random expressions', () => {
  const expressions = makeExpressions(10_000)

  it('are either refused with a sentence or fire, and then forwards and backwards agree', () => {
    let [fired, refused] = [0, 0]
    const wrong: string[] = []
    for (const expression of expressions) {
      const problem = cronProblem(expression, START)
      if (problem) {
        refused++
        if (!/: (write|it takes|no year|set|leave) |has "\?" in both|write /.test(problem))
          wrong.push(`${expression}: ${problem}`)
        continue
      }
      fired++
      const { cron } = readCron(expression)!
      const first = nextLocal(cron, START)!
      const second = nextLocal(cron, first + 1000)!
      const agrees =
        first >= START &&
        second > first &&
        previousLocal(cron, second - 1000) === first &&
        previousLocal(cron, second) === second &&
        countLocal(cron, START, second, 10) === 1 &&
        countLocal(cron, first, second + 1000, 10) === 2
      if (!agrees) wrong.push(expression)
    }
    expect(wrong).toEqual([])
    expect(fired).toBeGreaterThan(9000)
    expect(refused).toBeGreaterThan(100)
  })
})

describe('an expression is fixed when second, minute and hour do not begin with *', () => {
  it.each([
    ['30 2 * * *', true],
    ['15 30 2 * * *', true],
    ['30 2 1 * MON', true],
    ['30 2-2 * * *', true],
    ['0,30 1 * * *', true],
    ['30 1,2 * * *', true],
    ['0 1/3 * * *', true],
    ['0-59 0-59 0-23 * * *', true],
    ['@daily', true],
    ['*/15 2 * * *', false],
    ['30 * * * *', false],
    ['* 30 2 * * *', false],
    ['0 */6 * * *', false],
    ['0 *,5 * * *', false],
    ['@hourly', false],
  ])('"%s": %s', (expression, fixed) => {
    expect(readCron(expression)!.cron.fixed).toBe(fixed)
  })
})

describe('a step without a star goes from its value to the end of its field', () => {
  const values = (expression: string) => {
    const { seconds, minutes, hours } = readCron(expression)!.cron
    return [seconds.values, minutes.values, hours.values]
  }
  it('in seconds, minutes and hours', () => {
    expect(values('50/5 3/20 1/3 * * *')).toEqual([
      [50, 55],
      [3, 23, 43],
      [1, 4, 7, 10, 13, 16, 19, 22],
    ])
    expect(values('0/15 23/2 * * *')).toEqual([[0], [0, 15, 30, 45], [23]])
  })
  it('in days, months and weekdays, where Sunday is also 7', () => {
    const days = (expression: string) => readCron(expression)!.cron.days
    expect(days('0 0 20/5 * *')(2026, 0)).toBe((1 << 19) | (1 << 24) | (1 << 29))
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].filter((month) => days('0 0 1 2/4 *')(2026, month) !== 0)).toEqual([
      1, 5, 9,
    ])
    // June 2026 begins with a Monday.
    expect(days('0 0 * * 3/4')(2026, 5) & 0x7f).toBe((1 << 2) | (1 << 6))
  })
})
