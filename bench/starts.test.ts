import { describe, expect, it } from 'vitest'
import { startsOf } from './starts.ts'

describe('startsOf', () => {
  const due = 1_000_000
  const call = (session_id: string | null, lateMs: number) => ({ session_id, at: due + lateMs })

  it('counts what started, what did not, and what started twice', () => {
    const calls = [call('b', 30), call('a', 10), call('a', 500), call('a', 600), call('stranger', 5), call(null, 1)]
    expect(startsOf(calls, due, ['a', 'b', 'c'])).toEqual({
      due: 3, started: 2, missed: 1, twice: 1, lateness: { p50_ms: 10, p99_ms: 30, max_ms: 30 }, first_start_ms: 10, last_start_ms: 30,
    })
  })
  it('shows a start before its time as one below zero', () => {
    expect(startsOf([call('a', -4)], due, ['a'])).toMatchObject({ started: 1, first_start_ms: -4 })
  })
  it('knows no times when nothing started', () => {
    const starts = startsOf([], due, ['a'])
    expect(starts).toMatchObject({ started: 0, missed: 1, twice: 0 })
    expect(starts.first_start_ms).toBeNaN()
  })
})
