import { describe, expect, it } from 'vitest'
import { firstInstant, instantsOf, localOf, localText, segmentAt, transitionsBetween, utcText } from './local-time.ts'

const HOUR = 3600_000
const local = (text: string) => Date.parse(`${text}Z`)

describe('segmentAt', () => {
  it('has the offset that Intl shows, for every sixth zone, every seven hours of a year', () => {
    const wrong: string[] = []
    for (const zone of Intl.supportedValuesOf('timeZone').filter((_, index) => index % 6 === 0)) {
      const clock = new Intl.DateTimeFormat('en-CA', {
        timeZone: zone,
        hourCycle: 'h23',
        dateStyle: 'short',
        timeStyle: 'medium',
      })
      for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2027, 0, 1); at += 7 * HOUR) {
        if (clock.format(at).replace(', ', 'T') !== localText(localOf(zone, at)))
          wrong.push(`${zone} ${utcText(at)}: ${clock.format(at)}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it.each([
    ['America/Boa_Vista', '2000-10-01', '2000-11-01', ['2000-10-08T04:00:00Z', '2000-10-15T03:00:00Z']],
    ['America/Argentina/Tucuman', '2004-05-01', '2004-07-01', ['2004-06-01T03:00:00Z', '2004-06-13T04:00:00Z']],
  ])('finds two changes of %s that lie days apart', (zone, from, to, expected) => {
    expect(transitionsBetween(zone, Date.parse(from), Date.parse(to)).map(({ at }) => utcText(at))).toEqual(expected)
  })

  it('ends where the next begins', () => {
    for (let segment = segmentAt('Africa/Casablanca', Date.UTC(2025, 5, 1)); segment.start < Date.UTC(2028, 0, 1);) {
      const next = segmentAt('Africa/Casablanca', segment.end)
      expect(next.start).toBe(segment.end)
      segment = next
    }
  })
})

describe('firstInstant and instantsOf', () => {
  it.each([
    ['Europe/Lisbon', '2026-06-01T08:00:00', '2026-06-01T07:00:00Z', 0, ['2026-06-01T07:00:00Z']],
    ['Europe/Lisbon', '2026-03-29T01:30:00', '2026-03-29T01:00:00Z', HOUR, []],
    ['Europe/Lisbon', '2026-03-29T02:00:00', '2026-03-29T01:00:00Z', 0, ['2026-03-29T01:00:00Z']],
    [
      'Europe/Lisbon',
      '2026-10-25T01:30:00',
      '2026-10-25T00:30:00Z',
      0,
      ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z'],
    ],
    ['Europe/Lisbon', '2026-10-25T02:00:00', '2026-10-25T02:00:00Z', 0, ['2026-10-25T02:00:00Z']],
    ['Australia/Lord_Howe', '2026-10-04T02:10:00', '2026-10-03T15:30:00Z', HOUR / 2, []],
    [
      'Australia/Lord_Howe',
      '2026-04-05T01:45:00',
      '2026-04-04T14:45:00Z',
      0,
      ['2026-04-04T14:45:00Z', '2026-04-04T15:15:00Z'],
    ],
    ['Pacific/Apia', '2011-12-30T12:00:00', '2011-12-30T10:00:00Z', 24 * HOUR, []],
    ['Pacific/Kiritimati', '2026-01-01T00:00:00', '2025-12-31T10:00:00Z', 0, ['2025-12-31T10:00:00Z']],
    ['Etc/GMT+12', '2026-01-01T00:00:00', '2026-01-01T12:00:00Z', 0, ['2026-01-01T12:00:00Z']],
  ])('%s %s', (zone, time, at, gap, instants) => {
    const first = firstInstant(zone, local(time))
    expect({ at: utcText(first.at), gap: first.gap }).toEqual({ at, gap })
    expect(instantsOf(zone, local(time)).map(utcText)).toEqual(instants)
    for (const instant of instants) expect(localText(localOf(zone, Date.parse(instant)))).toBe(time)
  })
})
