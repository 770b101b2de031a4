import { describe, expect, it } from 'vitest'
import { cronProblem } from './problem.ts'

const problem = (expression: string) => cronProblem(expression, Date.UTC(2026, 5, 1))

describe('an expression of AWS is refused with the five fields that mean it', () => {
  it.each([
    ['0 10 * * ? *', '"0 10 * * *"'],
    ['cron(0 10 * * ? *)', '"0 10 * * *"'],
    ['0 18 ? * MON-FRI *', '"0 18 * * MON-FRI"'],
    ['0 18 ? * 2-6 *', '"0 18 * * MON-FRI"'],
    ['0/15 * ? * 1,7 *', '"0/15 * * * SUN,SAT"'],
    ['0 9 ? * 2#1 *', '"0 9 * * MON#1"'],
    ['0 9 ? * 6L *', '"0 9 * * FRI#L"'],
    ['0 9 ? * L *', '"0 9 * * SAT"'],
    ['0 9 ? * 6-2 *', '"0 9 * * FRI-SAT,SUN-MON"'],
    ['0 8 1W * ? *', '"0 8 1W * *"'],
    ['15 10 ? * 6L 2027-2029', '"15 10 * * FRI#L", and bound the schedule with start_at and end_at'],
  ])('%s: %s', (expression, write) => {
    expect(problem(expression)).toContain(`is AWS's form, with the minute first and the year last: write ${write}`)
  })

  it.each([
    ['rate(5 minutes)', '5m'],
    ['rate(1 day)', '1d'],
    ['rate(2 hours)', '2h'],
  ])('%s is the interval %s', (expression, interval) => {
    expect(problem(expression)).toContain(`set schedule_type to "interval" and write "${interval}"`)
  })
  it('at(…) is one time', () => {
    expect(problem('at(2027-01-01T00:00:00)')).toContain(
      'set schedule_type to "one-time" and write "2027-01-01T00:00:00"',
    )
  })
})

describe('? stands for one day field only', () => {
  it.each([
    '0 ? * * *',
    '? * * * *',
    '0 0 * ? *',
    '0 0 8 ? * ?',
    '0 0 1,? * *',
    '0 0 ?/2 * *',
    '? 0 8 * * *',
    '0 0 ? * ?',
    '0 8 ? ? MON',
  ])('%s is refused', (expression) => {
    expect(problem(expression)).toMatch(/"\?" stands|"\?" in both day fields/)
  })
  it.each([
    '0 10 ? * MON',
    '0 0 12 * * ?',
    '0 0 12 ? * WED',
    '0 10 1 * ?',
    '0 10 ? * */2',
    '0 10 ? * FRI#L',
    '0 10 ? * *',
    '0 10 * * ?',
  ])('%s is read', (expression) => {
    expect(problem(expression)).toBeNull()
  })

  it.each([
    ['0 15 10 ? * 6L', '"0 15 10 ? * SAT#L"', '"0 15 10 ? * FRI#L"'],
    ['0 10 ? * 2', '"0 10 ? * TUE"', '"0 10 ? * MON"'],
    ['0 10 ? * 1-5', '"0 10 ? * MON-FRI"', '"0 10 ? * SUN-THU"'],
    ['0 10 ? * 2#1', '"0 10 ? * TUE#1"', '"0 10 ? * MON#1"'],
    ['0 10 ? * 7', '"0 10 ? * SUN"', '"0 10 ? * SAT"'],
    ['0 10 ? * 1,3', '"0 10 ? * MON,WED"', '"0 10 ? * SUN,TUE"'],
    ['0 10 ? * 2/2', '"0 10 ? * TUE/2"', '"0 10 ? * MON/2"'],
    ['0 10 ? * MON,4', '"0 10 ? * MON,THU"', '"0 10 ? * MON,WED"'],
  ])('%s beside it is refused with both meanings', (expression, asCron, asQuartz) => {
    expect(problem(expression)).toMatch(/means different days to different readers/)
    expect(problem(expression)).toContain(asCron)
    expect(problem(expression)).toContain(asQuartz)
  })
  it('a 0 has one meaning', () => {
    expect(problem('0 10 ? * 0')).toContain('write "0 10 ? * SUN" (0 as cron counts, from Sunday = 0)')
  })
})

describe('a form of another scheduler is refused with how to write it here', () => {
  it.each([
    [
      '0 15 10 ? * 6L 2027-2029',
      'leave the year out and bound the schedule with start_at and end_at; write "15 10 * * FRI#L"',
    ],
    ['0 0 12 * * ? *', 'leave the year out and bound the schedule with start_at and end_at; write "0 12 * * *"'],
    ['30 0 8 * * 1-5 2027', 'write "30 0 8 * * 1-5"'],
    ['0 8 * * 1 2027', 'has a year as its sixth field: six fields have the second first; write "0 8 * * 1", and bound'],
    ['0 8 * * MON *', 'write "0 8 * * MON"'],
    ['CRON_TZ=Asia/Tokyo 0 8 * * *', 'set timezone to "Asia/Tokyo" and write "0 8 * * *"'],
    ['TZ=Europe/Lisbon 0 0 8 * * *', 'set timezone to "Europe/Lisbon" and write "0 0 8 * * *"'],
    ['*/90 * * * *', 'set schedule_type to "interval" and write "90m"'],
    ['0/90 * * * *', 'set schedule_type to "interval" and write "90m"'],
    ['0 */36 * * *', 'set schedule_type to "interval" and write "36h"'],
    ['*/90 * * * * *', 'set schedule_type to "interval" and write "90s"'],
    ['0 0 0 */45 * *', 'set schedule_type to "interval" and write "45d"'],
    ['0 0 */100,1-7 * MON', 'write the first such weekday as "0 0 * * MON#1"'],
    ['0 30 9 */32,15-21 * 5', 'write the third such weekday as "30 9 * * FRI#3"'],
    ['@every 5m', 'set schedule_type to "interval" and write "5m"'],
    ['@every 1h30m', 'set schedule_type to "interval" and write "90m"'],
    ['@every 1.5h', 'set schedule_type to "interval" and write "90m"'],
    ['@every 500ms', 'set schedule_type to "interval" and write "1s"'],
    ['every 5 minutes', 'set schedule_type to "interval" and write "5m"'],
    ['PT15M', 'set schedule_type to "interval" and write "15m"'],
    ['@reboot', 'has no due times'],
    ['@minutely', 'write "* * * * *"'],
    ['daily', 'write "@daily"'],
    ['every day', 'write "@daily"'],
    ['@fortnightly', 'is not one of @hourly, @daily'],
    ['2027-01-01T00:00:00Z', 'set schedule_type to "one-time"'],
    ['H/15 * * * *', 'write "*/15 * * * *", and set jitter to spread the starts'],
    ['H H(0-7) * * 1-5', 'write "0 0 * * 1-5"'],
    ['H(0-29)/10 * * * *', 'write "0-29/10 * * * *"'],
    ['Mon..Fri *-*-* 08:00:00', 'write "0 8 * * MON-FRI"'],
    ['*-*-* 08:30:15', 'write "15 30 8 * * *"'],
    ['Mon,Tue *-*-01..04 12:00:00', 'write "0 12 1-4 * +MON,TUE"'],
    ['*:0/15', 'write "0/15 * * * *"'],
    ['*-*-01', 'write "0 0 1 * *"'],
    ['0 8 * * * /usr/bin/backup --all', 'write only its five fields, "0 8 * * *"; what runs is the workflow'],
    ['*/5 * * * * root curl x', '"*/5 * * * *"'],
    ['0 8 * * * # every morning', '"0 8 * * *"'],
    ['"0 8 * * *"', 'write it without them, "0 8 * * *"'],
    ["- cron: '0 8 * * *'", 'write "0 8 * * *"'],
    ['cron(0 10 L-2 * ? *)', "is AWS's form: write minute, hour,"],
    ['0 9 * * *\n0 18 * * *', 'has several lines: make a schedule of each'],
    ['0 0 * * L', 'write "SAT", or "FRI#L"'],
    ['0 0 * * monday-friday', 'write "MON-FRI"'],
    ['0 0 1 January *', 'write "JAN"'],
  ])('%s: %s', (expression, says) => {
    expect(problem(expression)).toContain(says)
  })

  it('whatever an error says to write can be read', () => {
    for (const expression of [
      '0 10 * * ? *',
      '0 18 ? * 2-6 *',
      '0 10 ? * 2',
      '0 15 10 ? * 6L 2027',
      '0 8 * * MON *',
      '0 0 */100,1-7 * MON',
      'H/15 * * * *',
      'Mon..Fri *-*-* 08:00:00',
      '@minutely',
      '0 22-2 * * *',
    ]) {
      const written = [
        ...problem(expression)!.matchAll(/write (?:only its five fields, |the \w+ such weekday as )?"([^"]+)"/g),
      ].map(([, text]) => text!)
      expect(written.length).toBeGreaterThan(0)
      for (const text of written) expect(problem(text.includes(' ') ? text : `0 ${text} * * *`)).toBeNull()
    }
  })
})
