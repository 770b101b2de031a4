import { Cron as Croner } from 'croner'
import { describe, expect, it } from 'vitest'
import { countLocal, nextLocal, previousLocal } from './cron-calendar.ts'
import { cronProblem } from './cron-problem.ts'
import { parseCron } from './cron-pattern.ts'

/** A small generator that gives the same numbers in every run. */
const makeRandom = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}

const RANGES = [[0, 59], [0, 59], [0, 23], [1, 31], [1, 12], [0, 7]] as const

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
  return Array.from({ length: count }, () => (random() < 0.6 ? [1, 2, 3, 4, 5] : [0, 1, 2, 3, 4, 5]).map(part).join(' '))
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
        if (!/: (write|it takes|no year) /.test(problem)) wrong.push(`${expression}: ${problem}`)
        continue
      }
      fired++
      const cron = parseCron(expression)
      const first = nextLocal(cron, START)!
      const second = nextLocal(cron, first + 1000)!
      const agrees =
        first >= START && second > first && previousLocal(cron, second - 1000) === first && previousLocal(cron, second) === second &&
        countLocal(cron, START, second, 10) === 1 && countLocal(cron, first, second + 1000, 10) === 2
      if (!agrees) wrong.push(expression)
    }
    expect(wrong).toEqual([])
    expect(fired).toBeGreaterThan(9000)
    expect(refused).toBeGreaterThan(100)
  })

  it('match when croner says so, on clocks that never change', () => {
    for (const expression of expressions.slice(0, 1500)) {
      if (cronProblem(expression, START)) continue
      const cron = parseCron(expression)
      const croner = new Croner(expression, { timezone: 'UTC', mode: '5-or-6-parts', paused: true })
      let local = START
      for (const due of croner.nextRuns(3, new Date(START))) {
        local = nextLocal(cron, local + 1000)!
        expect({ expression, local: new Date(local) }).toEqual({ expression, local: due })
      }
    }
  })
})

describe('a fixed time', () => {
  it.each([
    ['30 2 * * *', true], ['15 30 2 * * *', true], ['30 2 1 * MON', true], ['30 2-2 * * *', true],
    ['0,30 1 * * *', false], ['*/15 2 * * *', false], ['30 * * * *', false], ['30 1,2 * * *', false], ['* 30 2 * * *', false],
  ])('"%s": %s', (expression, fixed) => {
    expect(parseCron(expression).fixed).toBe(fixed)
  })
})
