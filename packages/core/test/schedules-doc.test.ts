import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { SECOND } from '../src/clock.ts'
import { CreateSchedule, DEFAULT_PREVIEW_COUNT, MAX_PREVIEW_COUNT } from '../src/contract/schedules.ts'
import { MAX_TIMEOUT } from '../src/contract/workflows.ts'
import type { FailureClass } from '../src/errors.ts'
import { MAX_BACKFILL } from '../src/schedule/backfill.ts'
import { NICKNAMES } from '../src/schedule/cron/nicknames.ts'
import type { Decidable, World } from '../src/schedule/decide.ts'
import { decide, defaultCatchupWindow, GRACE_MS, MAX_CATCHUP, MISFIRES, OVERLAPS } from '../src/schedule/decide.ts'
import { MAX_INTERVAL_DAYS } from '../src/schedule/interval.ts'
import type { LedgerRow } from '../src/schedule/ledger.ts'
import type { Plan } from '../src/schedule/plan.ts'
import { dueTimesBetween } from '../src/schedule/plan.ts'
import { pausedSpan, supersededSpan } from '../src/schedule/spans.ts'
import { MAX_CATCHUP_WINDOW, MAX_JITTER } from '../src/schedule/validate.ts'
import { MAX_RETRIES, nextRetryMs, RETRY_LEVELS } from '../src/task/retry.ts'

const page = readFileSync(new URL('../../../docs/schedules.md', import.meta.url), 'utf8')

/** The rows of the table below a marker, without its head. */
const table = (marker: string): string[][] => {
  const lines = page.split(`<!-- ${marker} -->\n`)[1]!.split('\n')
  const end = lines.findIndex((line) => !line.startsWith('|'))
  return lines.slice(2, end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
}

/** `10:00`, `10:00:20` or `05-30 09:00`, on 1 June 2026 in UTC. */
const timeOf = (text: string): Date => {
  const [, date = '06-01', time] = /^(?:(\d\d-\d\d) )?(\d\d:\d\d(?::\d\d)?)$/.exec(text) ?? []
  if (!time) throw new Error(`"${text}" is not a time`)
  return new Date(`2026-${date}T${time}Z`)
}

const planOf = (cell: string): Plan => {
  const [, type = 'cron', schedule_expr] = /^(?:(\S+) )?`(.+)`$/.exec(cell) ?? []
  if (!schedule_expr) throw new Error(`"${cell}" is not a schedule`)
  return {
    schedule_type: type as Plan['schedule_type'],
    schedule_expr,
    timezone: 'UTC',
    anchor: timeOf('00:00'),
    start_at: null,
    end_at: null,
    jitter: 0,
    seed: 'doc',
  } // the table names the types
}

const textOf = (at: Date): string => {
  const [date, time] = [at.toISOString().slice(5, 10), at.toISOString().slice(11, 19)]
  return date === '06-01' ? time : `${date} ${time}`
}

/** The row as the page writes it, with every time to the second. */
const rowText = ({ scheduled_for, until, decision, reason, count, count_at_least }: LedgerRow): string => {
  const times = until ? `${textOf(scheduled_for)}–${textOf(until)}` : textOf(scheduled_for)
  const inBrackets = [reason, count_at_least ? `at least ${count}` : count > 1 ? String(count) : null]
    .filter(Boolean)
    .join(', ')
  return `${times} ${decision}${inBrackets ? ` (${inBrackets})` : ''}`
}

const toSeconds = (cell: string) => cell.replace(/(?<![\d:])(\d\d:\d\d)(?![:\d])/g, '$1:00')

const circumstances = (cell: string, schedule: Decidable, world: World) => {
  for (const item of cell.split(', ').filter(Boolean)) {
    const [, name, value = ''] = /^(\S+)(?: (.+))?$/.exec(item) ?? []
    const [overlap, misfire] = [OVERLAPS.find((one) => one === name), MISFIRES.find((one) => one === value)]
    if (overlap) schedule.overlap = overlap
    else if (name === 'misfire' && misfire) schedule.misfire = misfire
    else if (value === 'open') world.open.count = Number(name)
    else if (value === 'waiting') world.open.pending = Number(name)
    else if (name === 'max_runs' || name === 'run_count' || name === 'catchup_window') schedule[name] = Number(value)
    else if (name === 'jitter') schedule.plan.jitter = Number(value)
    else if (name === 'start_at' || name === 'end_at') schedule.plan[name] = timeOf(value)
    else if (name === 'down' && value.startsWith('since '))
      world.suspension = { from: timeOf(value.slice(6)), until: null }
    else if (name === 'down')
      world.suspension = { from: timeOf(value.split('–')[0]!), until: timeOf(value.split('–')[1]!) }
    else throw new Error(`"${item}" is not a circumstance`)
  }
}

describe('docs/schedules.md: options', () => {
  const created = CreateSchedule.parse({
    workflow_id: '019aa000-0000-7000-8000-000000000000',
    schedule_type: 'cron',
    schedule_expr: '@daily',
  })
  // What null stands for.
  const OF_NULL: Record<string, string> = {
    catchup_window: `${defaultCatchupWindow('cron')}, one-time ${defaultCatchupWindow('one-time')}`,
    timeout: '`SPARK_HTTP_TIMEOUT`',
  }
  const written = ([name, value]: [string, unknown]): string => {
    if (value === null) return OF_NULL[name] ?? 'null'
    return typeof value === 'string' ? `\`${value}\`` : String(value)
  }
  it.each(table('options'))('%s has the default %s', (cell, expected) => {
    const names = cell.match(/\w+/g)!
    const defaults = Object.entries(created).filter(([name]) => names.includes(name))
    expect(defaults).toHaveLength(names.length)
    expect([...new Set(defaults.map(written))].join(', ')).toBe(expected)
  })
  it('has every option', () => {
    const names = table('options').flatMap(([cell]) => cell!.match(/\w+/g)!)
    expect(Object.keys(created).filter((name) => !names.includes(name))).toEqual([
      'workflow_id',
      'schedule_type',
      'schedule_expr',
      'name',
    ])
  })
  it.each([
    ['retries', `\`max_retries\` (0 to ${MAX_RETRIES})`],
    ['a timeout', `1 to ${MAX_TIMEOUT} |`],
    ['jitter', `At most ${MAX_JITTER},`],
    ['the catch-up window', `0 to ${MAX_CATCHUP_WINDOW};`],
    ['lateness', `more than ${GRACE_MS / SECOND} s late`],
    ['catching up', `up to the newest ${MAX_CATCHUP} `],
    ['a backfill', `at most ${MAX_BACKFILL.toLocaleString('en')} due times`],
    ['an interval', `up to \`${MAX_INTERVAL_DAYS}d\``],
    ['a preview', `1 to ${MAX_PREVIEW_COUNT}, default ${DEFAULT_PREVIEW_COUNT}`],
  ])('has the limit of %s', (_, text) => {
    expect(page).toContain(text)
  })
})

describe('docs/schedules.md: how a due time is decided', () => {
  it.each(table('decide'))('%s: %s decided until %s, now %s, %s', (_, scheduled, until, now, cell, expected) => {
    const schedule: Decidable = {
      plan: planOf(scheduled),
      overlap: 'skip',
      misfire: 'last',
      catchup_window: null,
      max_runs: null,
      run_count: 0,
      decided_until: until ? timeOf(until) : null,
    }
    const world: World = { now: timeOf(now), open: { count: 0, pending: 0 }, suspension: null }
    circumstances(cell, schedule, world)
    const decision = decide(schedule, world)
    const replaced = new Set(decision.cancel_started.map((due) => due.getTime()))
    const said = [
      ...(decision.cancel_open ? ['the open one cancelled'] : []),
      ...decision.rows.map((row) => rowText(row) + (replaced.has(row.scheduled_for.getTime()) ? ' and cancelled' : '')),
      ...(decision.status === 'completed' ? ['completed'] : []),
    ]
    expect(said.join('; ') || 'nothing').toBe(toSeconds(expected))
  })
})

describe('docs/schedules.md: pause and edit', () => {
  it.each(table('spans'))('%s: %s decided until %s, %s', (_, scheduled, until, event, expected) => {
    const [what, ...when] = event.split(' ')
    const span = what === 'enabled' ? pausedSpan : supersededSpan
    const row = span(planOf(scheduled), timeOf(until), timeOf(when.join(' ')))
    expect(row ? rowText(row) : 'nothing').toBe(toSeconds(expected))
  })
})

describe('docs/schedules.md: cron', () => {
  it.each(table('cron'))('%s from %s', (expression, from, expected) => {
    const due = dueTimesBetween(
      planOf(expression),
      new Date(Date.parse(`${from}T00:00:00Z`) - 1),
      new Date('2030-01-01T00:00:00Z'),
      expected.split(', ').length,
    )
    const year = from.slice(0, 5)
    const said = due.map((at) =>
      at
        .toISOString()
        .replace(year, '')
        .replace('T', ' ')
        .replace(/(:00)?\.000Z$/, ''),
    )
    expect(said.join(', ')).toBe(expected)
  })
})

it('docs/schedules.md names every nickname of cron', () => {
  const named = page.split('\n').find((line) => line.startsWith('`@'))!
  expect(named.match(/(?<=`)@\w+(?=`)/g)).toEqual([...NICKNAMES.keys()])
})

describe('docs/schedules.md: when the clock is set', () => {
  it.each(table('clock'))('%s in %s on %s', (expression, timezone, date, _, expected) => {
    const day = new Date(`${date}T00:00:00Z`).getTime()
    const isThatDay = new Intl.DateTimeFormat('en-CA', { timeZone: timezone, dateStyle: 'short' })
    const due = dueTimesBetween(
      { ...planOf(expression), timezone: timezone },
      new Date(day - 86400_000),
      new Date(day + 2 * 86400_000),
      1000,
    ).filter((at) => isThatDay.format(at) === date)
    expect(due.map((at) => at.toISOString().slice(11, 19)).join(', ') || 'nothing').toBe(expected)
  })
})

describe('docs/schedules.md: retries', () => {
  it.each(table('retries'))('%s', (_, failure, levels) => {
    const allowed = RETRY_LEVELS.filter(
      (retry_on) =>
        nextRetryMs(
          { max_retries: 1, retry_on, tries: 1, tries_before: 0 },
          { failure: failure.replaceAll('`', '') as FailureClass, retry_after: null },
          0,
        ) !== null, // the table names the classes
    )
    expect(allowed.map((level) => `\`${level}\``).join(', ') || 'never').toBe(levels)
  })
})
