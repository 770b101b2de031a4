import { describe, expect, it } from 'vitest'
import { nearest } from './nearest.ts'

const known = [
  'workflow_id',
  'schedule_type',
  'schedule_expr',
  'timezone',
  'input_value',
  'name',
  'start_at',
  'end_at',
  'timeout',
  'max_runs',
  'url',
  'api_key',
]

describe('nearest', () => {
  it.each([
    ['schedule_exp', 'schedule_expr'],
    ['scheduleExpr', 'schedule_expr'],
    ['expr', 'schedule_expr'],
    ['time_zone', 'timezone'],
    ['tz', null],
    ['timout', 'timeout'],
    ['input', 'input_value'],
    ['inputValue', 'input_value'],
    ['apiKey', 'api_key'],
    ['apikey', 'api_key'],
    ['workflow', 'workflow_id'],
    ['nam', 'name'],
    ['maxruns', 'max_runs'],
    ['uri', 'url'],
    ['zzz', null],
    ['', null],
    ['x'.repeat(100_000), null],
  ])('%s means %s', (name, expected) => {
    expect(nearest(name, known)).toBe(expected)
  })
})
