import { describe, expect, it } from 'vitest'
import { readZone } from './timezone.ts'

describe('readZone', () => {
  it.each([
    ['UTC', 'UTC'], ['utc', 'UTC'], ['GMT', 'GMT'], ['Europe/Lisbon', 'Europe/Lisbon'], ['EUROPE/LISBON', 'Europe/Lisbon'], [' Europe/Lisbon ', 'Europe/Lisbon'],
    ['America/Argentina/Buenos_Aires', 'America/Argentina/Buenos_Aires'], ['Asia/Kolkata', 'Asia/Kolkata'], ['Europe/Kyiv', 'Europe/Kyiv'],
    ['asia/kolkata', 'Asia/Kolkata'], ['Etc/GMT+5', 'Etc/GMT+5'], ['Etc/UTC', 'Etc/UTC'], ['etc/gmt', 'Etc/GMT'], ['America/Port-au-Prince', 'America/Port-au-Prince'], ['Europe/Amsterdam', 'Europe/Amsterdam'],
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
    ['PRC', /write "Asia\/Shanghai"/],
    ['US/Eastern', /another name of a time zone: write "America\/New_York"/],
    ['Asia/Calcutta', /another name of a time zone: write "Asia\/Kolkata"/],
    ['europe/kiev', /write "Europe\/Kyiv"/],
    ['America/Indianapolis', /write "America\/Indiana\/Indianapolis"/],
    ['Asia/Istanbul', /write "Europe\/Istanbul"/],
    ['Japan', /write "Asia\/Tokyo"/],
    ['Cuba', /write "America\/Havana"/],
    ['Etc/Zulu', /write "UTC"/],
    ['XYZ', /write the name of a place/],
    ['Z', /write "UTC"/],
    ['+02:00', /an offset, not a time zone: write the name of a place, such as "Europe\/Lisbon", or "Etc\/GMT-2" for this offset all year/],
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
