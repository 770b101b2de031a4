import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { patience, patienceAt, patient, until } from './patience.ts'

describe('patience', () => {
  beforeEach(() => void vi.stubEnv('SPARK_TEST_PATIENCE', undefined))
  afterEach(() => void vi.unstubAllEnvs())

  it.each([
    ['an idle machine waits exactly as long as a test says', 0.1, 2, 1],
    ['a machine that is used, but has a core left, does so too', 2, 2, 1],
    ['a load of 12 on two cores waits six times as long', 12, 2, 6],
    ['a load of 12 on eight cores waits half as long again', 12, 8, 1.5],
    ['there is a limit, so that what hangs is noticed', 900, 2, 20],
  ])('%s', (_, load, cores, expected) => {
    expect(patienceAt(load, cores)).toBe(expected)
  })

  it('is at least what SPARK_TEST_PATIENCE says', () => {
    vi.stubEnv('SPARK_TEST_PATIENCE', '500')
    expect([patience(), patient(20)]).toEqual([500, 10_000])
  })

  it.each(['0.5', '0', '-1', 'long', 'Infinity', '1001'])(
    'refuses SPARK_TEST_PATIENCE=%s with what to write',
    (given) => {
      vi.stubEnv('SPARK_TEST_PATIENCE', given)
      expect(patience).toThrow(`SPARK_TEST_PATIENCE: "${given}" must be a number from 1 to 1000`)
    },
  )

  it('is left to the load when SPARK_TEST_PATIENCE is empty', () => {
    vi.stubEnv('SPARK_TEST_PATIENCE', ' ')
    expect(patience()).toBeGreaterThanOrEqual(1)
  })
})

describe('until', () => {
  it('gives what was seen once the condition holds', async () => {
    let seen = 0
    expect(
      await until(
        () => ++seen,
        (value) => value === 3,
      ),
    ).toBe(3)
  })

  it('says what was seen last when it waited in vain', async () => {
    await expect(
      until(
        () => ({ status: 'running' }),
        () => false,
        1,
      ),
    ).rejects.toThrow(/^waited \d+ ms in vain; last seen: \{"status":"running"\}$/)
  })
})
