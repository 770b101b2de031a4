import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HOUR, MINUTE, SECOND } from '../clock.ts'
import { MAX_RETRY_DELAY_MS, RETRY_WINDOWS_MS, retryDelayMs } from './retry-delay.ts'

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const retryAfter = fc.option(fc.integer({ min: 0, max: 900 }), { nil: null })

describe('retryDelayMs', () => {
  it.each([
    ['the first retry comes within 10 s', 1, 10 * SECOND],
    ['the second within 20 s', 2, 20 * SECOND],
    ['the third within 40 s', 3, 40 * SECOND],
    ['the ninth within 43 minutes', 9, 2560 * SECOND],
    ['the tenth within an hour', 10, HOUR],
    ['and so does every later one', 100, HOUR],
  ])('%s', (_, retry, window) => {
    expect(retryDelayMs({ retry, retry_after: null, random: 0 })).toBe(0)
    expect(retryDelayMs({ retry, retry_after: null, random: 0.5 })).toBe(window / 2)
    expect(retryDelayMs({ retry, retry_after: null, random: 1 - Number.EPSILON })).toBe(window - 1)
  })

  it('is never before Retry-After, and spreads tasks that were rejected together', () => {
    expect(retryDelayMs({ retry: 1, retry_after: 30, random: 0 })).toBe(30 * SECOND)
    expect(retryDelayMs({ retry: 1, retry_after: 30, random: 0.5 })).toBe(35 * SECOND)
  })

  it('is a whole number of milliseconds from Retry-After up to an hour, whatever comes in', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), retryAfter, random, (retry, retry_after, drawn) => {
        const ms = retryDelayMs({ retry, retry_after, random: drawn })
        expect(Number.isInteger(ms)).toBe(true)
        expect(ms).toBeGreaterThanOrEqual((retry_after ?? 0) * SECOND)
        expect(ms).toBeLessThanOrEqual(MAX_RETRY_DELAY_MS)
      }),
    )
  })

  it('is never shorter for a later retry with the same random number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 120 }), retryAfter, random, (retry, retry_after, drawn) => {
        const delay = (n: number) => retryDelayMs({ retry: n, retry_after, random: drawn })
        expect(delay(retry + 1)).toBeGreaterThanOrEqual(delay(retry))
      }),
    )
  })
})

it('the windows double up to an hour', () => {
  expect(RETRY_WINDOWS_MS[0]).toBe(10 * SECOND)
  expect(RETRY_WINDOWS_MS.at(-1)).toBe(60 * MINUTE)
  RETRY_WINDOWS_MS.slice(1, -1).forEach((ms, i) => expect(ms).toBe(2 * RETRY_WINDOWS_MS[i]!))
})
