import { describe, expect, it } from 'vitest'
import { readOptions } from './options.ts'

describe('readOptions', () => {
  it('measures everything unless told otherwise', () => {
    expect(readOptions([])).toEqual({ only: ['tasks', 'runs', 'schedules'], seconds: 5, schedules: 1000, cpuProf: null })
  })
  it('takes the parts that are asked for, in the order they are run in', () => {
    expect(readOptions(['--only', 'runs, tasks', '--seconds', '2', '--schedules=50'])).toMatchObject({ only: ['tasks', 'runs'], seconds: 2, schedules: 50 })
  })
  it('knows --help', () => {
    expect(readOptions(['-h'])).toBe('help')
  })
  it.each([
    [['--only', 'tasks,sources'], /no part "sources"/],
    [['--seconds', '0'], /--seconds must be a whole number from 1/],
    [['--seconds', '1.5'], /not "1.5"/],
    [['--schedules', 'many'], /--schedules must be/],
    [['--fast'], /Unknown option/],
  ])('refuses %j', (args, message) => {
    expect(() => readOptions(args)).toThrow(message)
  })
})
