import { describe, expect, it } from 'vitest'
import { readOptions } from './options.ts'

describe('readOptions', () => {
  const read = (args: string[]) => readOptions(args, ['tasks', 'runs', 'schedules'])

  it('measures everything by default', () => {
    expect(read([])).toEqual({
      only: ['tasks', 'runs', 'schedules'],
      seconds: 5,
      schedules: [1, 100, 1000],
      concurrency: [100],
      cpuProf: null,
    })
  })
  it('takes the parts of --only, in the order in which they run', () => {
    expect(read(['--only', 'runs, tasks', '--seconds', '2'])).toMatchObject({ only: ['tasks', 'runs'], seconds: 2 })
  })
  it('takes several numbers, each once, in the given order', () => {
    expect(read(['--schedules', '1000, 1,1000', '--concurrency=50'])).toMatchObject({
      schedules: [1000, 1],
      concurrency: [50],
    })
  })
  it('accepts --help', () => {
    expect(read(['-h'])).toBe('help')
  })
  it.each([
    [['--only', 'tasks,sources'], /no part "sources"/],
    [['--seconds', '0'], /--seconds must be a whole number from 1/],
    [['--seconds', '1.5'], /not "1.5"/],
    [['--schedules', 'many'], /--schedules must be/],
    [['--schedules', '1,,2'], /not ""/],
    [['--concurrency', '101'], /from 1 to 100, not "101"/],
    [['--fast'], /Unknown option/],
  ])('refuses %j', (args, message) => {
    expect(() => read(args)).toThrow(message)
  })
})
