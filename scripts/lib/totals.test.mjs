import { describe, expect, it } from 'vitest'
import { addUp, summaryOf, totalsOf } from './totals.mjs'

const file = (name, statuses, status = statuses.includes('failed') ? 'failed' : 'passed') => ({
  name,
  status,
  message: 'Error: boom\n  at x',
  assertionResults: statuses.map((one, at) => ({ status: one, fullName: `test ${at}` })),
})
const report = (...testResults) => ({ testResults })

describe('totalsOf', () => {
  it('counts passed, failed and skipped tests', () => {
    expect(
      totalsOf(
        report(file('a', ['passed', 'passed', 'failed']), file('b', ['skipped', 'todo', 'pending', 'passed'])),
        1,
      ),
    ).toEqual({
      passed: 3,
      failed: 1,
      skipped: ['b: test 0', 'b: test 1', 'b: test 2'],
      problems: [],
    })
  })

  it.each([
    [
      'a file that could not be loaded',
      report(file('a', ['passed']), file('b', [], 'failed')),
      1,
      'b failed outside its tests: Error: boom',
    ],
    [
      'a file whose hook failed after its tests',
      report(file('a', ['passed'], 'failed')),
      1,
      'a failed outside its tests: Error: boom',
    ],
    [
      'an error outside of every file',
      report(file('a', ['passed'])),
      1,
      'vitest ended with code 1 although no test failed: see its errors above',
    ],
    ['a crash', null, 139, 'vitest ended with code 139 and without a report'],
    ['a run without tests', report(), 0, 'no test ran'],
    ['a run that skipped everything', report(file('a', ['skipped'])), 0, 'no test ran'],
  ])('counts %s as one failure and names it', (_, given, code, problem) => {
    expect(totalsOf(given, code)).toMatchObject({ failed: 1, problems: [problem] })
  })
})

describe('addUp', () => {
  it('adds the counts, and keeps the skipped tests and the problems of both', () => {
    expect(
      addUp(
        { passed: 2, failed: 1, skipped: ['a'], problems: ['x'] },
        { passed: 3, failed: 0, skipped: ['b'], problems: ['y'] },
      ),
    ).toEqual({
      passed: 5,
      failed: 1,
      skipped: ['a', 'b'],
      problems: ['x', 'y'],
    })
  })
})

describe('summaryOf', () => {
  const some = { passed: 5, failed: 1, skipped: ['a', 'b'] }

  it('names skipped tests only when there are any', () => {
    expect(summaryOf({ passed: 5, failed: 0, skipped: [] }, false)).toEqual({ failed: 0, line: '5 passed, 0 failed' })
    expect(summaryOf(some, false)).toEqual({ failed: 1, line: '5 passed, 1 failed, 2 skipped' })
  })

  it('counts a skipped test as failed in CI', () => {
    expect(summaryOf(some, true)).toEqual({ failed: 3, line: '5 passed, 3 failed' })
  })
})
