import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FailureClass } from '../errors.ts'
import type { RetryLevel } from './retry.ts'
import { nextRetryMs, RETRY_LEVELS } from './retry.ts'

const policy = (more: Partial<Parameters<typeof nextRetryMs>[0]> = {}) => ({
  max_retries: 3,
  retry_on: 'safe' as RetryLevel,
  tries: 1,
  tries_before: 0,
  ...more,
})
const failed = (failure: FailureClass, retry_after: number | null = null) => ({ failure, retry_after })

describe('nextRetryMs', () => {
  it.each<[FailureClass, RetryLevel[]]>([
    ['not_sent', ['safe', 'failure', 'unknown']],
    ['turned_away', ['safe', 'failure', 'unknown']],
    ['flow_failed', ['failure', 'unknown']],
    ['unknown', ['unknown']],
    ['refused', []],
    ['bad_answer', []],
  ])('%s is retried with retry_on %j and no other', (failure, allowed) => {
    for (const retry_on of RETRY_LEVELS) {
      expect([retry_on, nextRetryMs(policy({ retry_on }), failed(failure), 0) !== null]).toEqual([
        retry_on,
        allowed.includes(retry_on),
      ])
    }
  })

  it.each([
    ['no retries', { max_retries: 0, tries: 1 }, false],
    ['the last retry ahead', { max_retries: 3, tries: 3 }, true],
    ['the last retry behind', { max_retries: 3, tries: 4 }, false],
    ['a fresh round after one by hand', { max_retries: 3, tries: 5, tries_before: 4 }, true],
    ['that round at its end', { max_retries: 3, tries: 8, tries_before: 4 }, false],
    ['no retries in that round', { max_retries: 0, tries: 2, tries_before: 1 }, false],
  ])('with %s', (_, more, again) => {
    expect(nextRetryMs(policy(more), failed('not_sent'), 0) !== null).toBe(again)
  })

  it('tries at most 1 + max_retries times, and delays the first retry after one by hand as a first retry', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 500 }), (max_retries, tries_before) => {
        let tries = tries_before + 1
        expect(nextRetryMs(policy({ max_retries: 100, tries, tries_before }), failed('not_sent'), 0.5)).toBe(5_000)
        while (nextRetryMs(policy({ max_retries, tries, tries_before }), failed('not_sent'), 0.5) !== null) tries++
        expect(tries - tries_before).toBe(1 + max_retries)
      }),
    )
  })

  it('counts from Retry-After', () => {
    expect(nextRetryMs(policy(), failed('turned_away', 7), 0)).toBe(7_000)
  })
})
