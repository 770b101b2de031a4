import { describe, expect, it } from 'vitest'
import { readZone } from './timezone.ts'
import { zoneNames } from './zone-names.ts'

describe('readZone', () => {
  it('accepts every name that a runtime reports, and keeps it', () => {
    for (const name of Intl.supportedValuesOf('timeZone').filter((one) => one.includes('/')))
      expect(readZone(name)).toEqual({ zone: name })
  })

  it('accepts every name of its own list that this runtime has', () => {
    const unknown = zoneNames().filter((name) => !('zone' in readZone(name)))
    // America/Coyhaique came with release 2025b.
    expect(unknown.filter((name) => name !== 'America/Coyhaique')).toEqual([])
    expect(zoneNames().length).toBeGreaterThan(580)
  })

  it.each([
    ['UTC', 'UTC'],
    ['utc', 'UTC'],
    ['GMT', 'GMT'],
    ['Europe/Lisbon', 'Europe/Lisbon'],
    ['EUROPE/LISBON', 'Europe/Lisbon'],
    [' Europe/Lisbon ', 'Europe/Lisbon'],
    ['America/Argentina/Buenos_Aires', 'America/Argentina/Buenos_Aires'],
    ['Asia/Kolkata', 'Asia/Kolkata'],
    ['Europe/Kyiv', 'Europe/Kyiv'],
    ['asia/kolkata', 'Asia/Kolkata'],
    ['Etc/GMT+5', 'Etc/GMT+5'],
    ['Etc/UTC', 'Etc/UTC'],
    ['etc/gmt', 'Etc/GMT'],
    ['America/Port-au-Prince', 'America/Port-au-Prince'],
    ['Europe/Amsterdam', 'Europe/Amsterdam'],
    ['Asia/Calcutta', 'Asia/Calcutta'],
    ['Europe/Kiev', 'Europe/Kiev'],
    ['europe/kiev', 'Europe/Kiev'],
    ['US/Eastern', 'US/Eastern'],
    ['America/Indianapolis', 'America/Indianapolis'],
    ['Asia/Istanbul', 'Asia/Istanbul'],
    ['US/Pacific-New', 'US/Pacific-New'],
    ['Etc/Zulu', 'Etc/Zulu'],
    ['Etc/GMT0', 'Etc/GMT0'],
    ['Etc/GMT-14', 'Etc/GMT-14'],
    ['Japan', 'Japan'],
    ['cuba', 'Cuba'],
    ['PRC', 'PRC'],
    ['GB-Eire', 'GB-Eire'],
  ])('takes %s as %s', (name, zone) => {
    expect(readZone(name)).toEqual({ zone })
  })

  it.each([
    ['Europe/Lisbonn', /did you mean "Europe\/Lisbon"\?/],
    ['Europe/Lisobn', /did you mean "Europe\/Lisbon"\?/],
    ['Lisbon', /did you mean "Europe\/Lisbon"\?/],
    ['new york', /did you mean "America\/New_York"\?/],
    ['Asia/Kolkatta', /did you mean "Asia\/Kolkata"\?/],
    ['Europe/Sao_Paulo', /did you mean "America\/Sao_Paulo"\?/],
    ['Mars/Olympus_Mons', /not an IANA time zone: write a name such as "Europe\/Lisbon" or "UTC"/],
    ['', /not an IANA time zone/],
    ['EST', /abbreviation, not an IANA time zone: write "America\/New_York"/],
    ['pst8pdt', /write "America\/Los_Angeles"/],
    ['CET', /write "Europe\/Berlin"/],
    ['IST', /write "Asia\/Kolkata"/],
    ['BST', /abbreviation.*write "Europe\/London"/],
    ['EST5EDT', /abbreviation.*write "America\/New_York"/],
    ['MSK', /abbreviation.*write "Europe\/Moscow"/],
    ['Zulu', /write "UTC"/],
    ['Factory', /not an IANA time zone/],
    ['Rome', /did you mean "Europe\/Rome"\?/],
    ['Tokyo', /did you mean "Asia\/Tokyo"\?/],
    ['UTC+2', /an offset, not a time zone: .* or "Etc\/GMT-2"/],
    ['GMT+1', /an offset.* or "Etc\/GMT-1"/],
    ['GMT+0', /or "UTC"/],
    ['XYZ', /write the name of a place/],
    ['Z', /write "UTC"/],
    [
      '+02:00',
      /an offset, not a time zone: write the name of a place, such as "Europe\/Lisbon", or "Etc\/GMT-2" for this offset all year/,
    ],
    ['GMT+5', /or "Etc\/GMT-5"/],
    ['UTC-3', /or "Etc\/GMT\+3"/],
    ['-0330', /an offset, not a time zone: write the name of a place, such as "Europe\/Lisbon"$/],
    ['+00:00', /or "UTC"/],
    ['constructor', /not an IANA time zone/],
    ['SystemV/PST8PDT', /not an IANA time zone/],
    ['x'.repeat(64), /not an IANA time zone/],
  ])('refuses "%s" and says what to write', (name, message) => {
    const answer = readZone(name)
    expect('problem' in answer && answer.problem).toMatch(message)
  })
})
