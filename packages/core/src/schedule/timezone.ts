import { zoneNames } from './zone-names.ts'

/** Whether the time zone data of this runtime have the zone. */
const isInRuntime = (name: string): boolean => {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
    return true
  } catch {
    return false
  }
}

let known: ReadonlyMap<string, string> | null = null
/** Every name as the IANA database writes it, by its name in lower case. */
const knownNames = () => (known ??= new Map(zoneNames().map((name) => [name.toLowerCase(), name])))

/** The Damerau-Levenshtein distance: letters to add, drop, change or swap with a neighbour. */
const distance = (one: string, other: string): number => {
  let [before, row]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, index) => index)]
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1]
      let cost = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        cost = Math.min(cost, before[j - 2]! + 1)
      next.push(cost)
    }
    before = row
    row = next
  }
  return row[other.length]!
}

const fold = (name: string) => name.toLowerCase().replace(/[\s-]+/g, '_')
const cityOf = (name: string) => name.slice(name.lastIndexOf('/') + 1)

/** The known zone that was probably meant: by its whole name or by its city. */
const nearest = (name: string): string | null => {
  const wanted = fold(name)
  const most = Math.max(1, Math.floor(cityOf(wanted).length / 4))
  const off = (one: string, other: string) =>
    Math.abs(one.length - other.length) > most ? Infinity : distance(one, other)
  const scored = [...knownNames().values()].map((candidate) => {
    const full = fold(candidate)
    const byCity = off(cityOf(wanted), cityOf(full)) + (wanted.includes('/') ? 1 : 0)
    return { candidate, off: Math.min(off(wanted, full), byCity) }
  })
  const best = scored.reduce((one, other) => (other.off < one.off ? other : one))
  return best.off <= most ? best.candidate : null
}

const OFFSET = /^(?:UTC|GMT|Z)?\s*([+-])\s*(\d{1,2})(?::?(\d\d))?$/i
const ABBREVIATION = /^(?:[A-Z]{1,4}|[A-Z]{3}\d[A-Z]{3})$/i
/** The place that most users of an abbreviation mean. */
const PLACES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'America/New_York': 'EST EDT EST5EDT ET',
    'America/Chicago': 'CST CDT CST6CDT CT',
    'America/Denver': 'MST MDT MST7MDT MT',
    'America/Los_Angeles': 'PST PDT PST8PDT PT',
    'America/Anchorage': 'AKST AKDT',
    'Pacific/Honolulu': 'HST',
    'America/Sao_Paulo': 'BRT',
    'America/Argentina/Buenos_Aires': 'ART',
    'Europe/Berlin': 'CET CEST MET MEZ',
    'Europe/Athens': 'EET EEST',
    'Europe/Lisbon': 'WET WEST',
    'Europe/London': 'BST',
    'Europe/Moscow': 'MSK',
    'Africa/Johannesburg': 'SAST',
    'Asia/Kolkata': 'IST',
    'Asia/Singapore': 'SGT',
    'Asia/Hong_Kong': 'HKT',
    'Asia/Tokyo': 'JST',
    'Asia/Seoul': 'KST',
    'Australia/Sydney': 'AEST AEDT',
    'Pacific/Auckland': 'NZST NZDT',
    UTC: 'Z UCT ZULU UNIVERSAL GMT0',
  }).flatMap(([place, abbreviations]) => abbreviations.split(' ').map((one): [string, string] => [one, place])),
)

/** `Etc/GMT-2` for two hours east of UTC: POSIX reverses the sign in these names. */
const fixedZone = (sign: string, hours: number): string =>
  hours === 0 ? 'UTC' : `Etc/GMT${sign === '+' ? '-' : '+'}${hours}`

export type ZoneAnswer = { zone: string } | { problem: string }

const offsetProblem = (name: string, [, sign = '+', hourText = '0', minuteText = '0']: RegExpExecArray): string => {
  const [hours, minutes] = [Number(hourText), Number(minuteText)]
  const fixed = fixedZone(sign, hours)
  const write = minutes === 0 && knownNames().has(fixed.toLowerCase()) ? `, or "${fixed}" for this offset all year` : ''
  return `"${name}" is an offset, not a time zone: write the name of a place, such as "Europe/Lisbon"${write}`
}

/**
 * Accepts every name of the IANA database with a place or as `Etc/…`, in upper or lower case. An older name of a zone is kept, not replaced.
 * Abbreviations and offsets are refused: they do not say when daylight saving begins, or mean different zones to different readers.
 */
export const readZone = (name: string): ZoneAnswer => {
  const given = name.trim()
  const zone = knownNames().get(given.toLowerCase())
  if (zone)
    return isInRuntime(zone)
      ? { zone }
      : {
          problem: `"${zone}" is newer than the time zone data of this Node.js: update it, or write another place with the same clock`,
        }
  const offset = OFFSET.exec(given)
  if (offset) return { problem: offsetProblem(name, offset) }
  const city = [...knownNames().values()].find(
    (candidate) => !candidate.startsWith('Etc/') && fold(cityOf(candidate)) === fold(given),
  )
  if (city) return { problem: `"${name}" is not an IANA time zone: did you mean "${city}"?` }
  const place = PLACES.get(given.toUpperCase())
  if (place || ABBREVIATION.test(given)) {
    return {
      problem: `"${name}" is an abbreviation, not an IANA time zone: write ${place ? `"${place}"` : 'the name of a place, such as "Europe/Lisbon"'}`,
    }
  }
  const guess = nearest(given)
  const hint = guess ? `did you mean "${guess}"?` : 'write a name such as "Europe/Lisbon" or "UTC"'
  return { problem: `"${name}" is not an IANA time zone: ${hint}` }
}
