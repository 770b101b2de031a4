import { describe, expect, it } from 'vitest'
import { startsOf } from './starts.ts'

describe('startsOf', () => {
  const due = 1_000_000
  const call = (session_id: string | null, lateMs: number) => ({ session_id, at: due + lateMs })
  const at = (sessions: string[]) => new Map(sessions.map((session) => [session, due]))

  it('counts jobs that started, that were missed, and that started twice', () => {
    const calls = [call('b', 30), call('a', 500), call('a', 10), call('a', 600), call('stranger', 5), call(null, 1)]
    expect(startsOf(calls, at(['a', 'b', 'c']))).toEqual({
      due: 3,
      started: 2,
      missed: 1,
      twice: 1,
      early: 0,
      lateness: { p50_ms: 10, p99_ms: 30, max_ms: 30 },
      first_start_ms: 10,
      last_start_ms: 30,
    })
  })
  it('measures each job from its own due time', () => {
    expect(
      startsOf(
        [call('a', 10), call('b', 5_020)],
        new Map([
          ['a', due],
          ['b', due + 5_000],
        ]),
      ),
    ).toMatchObject({ first_start_ms: 10, last_start_ms: 20 })
  })
  it('shows an early start as a negative time, and counts it', () => {
    expect(startsOf([call('a', -4), call('b', 0)], at(['a', 'b']))).toMatchObject({
      started: 2,
      early: 1,
      first_start_ms: -4,
    })
  })
  it('has no times when nothing started', () => {
    const starts = startsOf([], at(['a']))
    expect(starts).toMatchObject({ started: 0, missed: 1, twice: 0, early: 0 })
    expect(starts.first_start_ms).toBeNaN()
  })
})
