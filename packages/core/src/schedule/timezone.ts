/** The name that the runtime uses for a zone, null when it has none of that name. */
const resolve = (name: string): string | null => {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone
  } catch {
    return null
  }
}

// Runtimes list some zones under an older name only (V8: Asia/Calcutta) and take both. These are the names of today.
const NEWER_NAMES = [
  'Africa/Asmara', 'America/Argentina/Buenos_Aires', 'America/Argentina/Catamarca', 'America/Argentina/Cordoba', 'America/Argentina/Jujuy', 'America/Argentina/Mendoza',
  'America/Atikokan', 'America/Indiana/Indianapolis', 'America/Kentucky/Louisville', 'America/Nuuk', 'Asia/Ho_Chi_Minh', 'Asia/Kathmandu', 'Asia/Kolkata', 'Asia/Yangon',
  'Atlantic/Faroe', 'Europe/Kyiv', 'Pacific/Chuuk', 'Pacific/Kanton', 'Pacific/Pohnpei',
]
let newer: ReadonlyMap<string, string> | null = null
/** The name that a zone has today. */
const todays = (resolved: string): string => {
  newer ??= new Map(NEWER_NAMES.map((name) => [resolve(name) ?? name, name]))
  return newer.get(resolved) ?? resolved
}
/** Names of the database that runtimes take for UTC. */
const SAME_AS_UTC = ['UTC', 'GMT', 'Etc/UTC', 'Etc/GMT']
let known: readonly string[] | null = null
const knownNames = () => (known ??= ['UTC', ...Intl.supportedValuesOf('timeZone').map(todays)])

/** How many letters have to be added, dropped, changed or swapped with a neighbour. */
const distance = (one: string, other: string): number => {
  let [before, row]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, index) => index)]
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1]
      let cost = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) cost = Math.min(cost, before[j - 2]! + 1)
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
  const scored = knownNames().map((candidate) => {
    const full = fold(candidate)
    const byCity = distance(cityOf(wanted), cityOf(full)) + (wanted.includes('/') ? 1 : 0)
    return { candidate, off: Math.min(distance(wanted, full), byCity) }
  })
  const best = scored.reduce((one, other) => (other.off < one.off ? other : one))
  return best.off <= Math.max(1, Math.floor(cityOf(wanted).length / 4)) ? best.candidate : null
}

const OFFSET = /^(?:UTC|GMT|Z)?\s*([+-])\s*(\d{1,2})(?::?(\d\d))?$/i
// Cuba, Iran and Eire are places of the database.
const ABBREVIATION = /^(?!(?:cuba|iran|eire)$)(?:[A-Z]{1,4}|[A-Z]{3}\d[A-Z]{3})$/i
/** Abbreviations that runtimes resolve to a place where they aren't used, or not at all. */
const PLACES: Record<string, string> = {
  EST: 'America/New_York', EDT: 'America/New_York', EST5EDT: 'America/New_York', CST: 'America/Chicago', CDT: 'America/Chicago', CST6CDT: 'America/Chicago',
  MST: 'America/Denver', MDT: 'America/Denver', MST7MDT: 'America/Denver', PST: 'America/Los_Angeles', PDT: 'America/Los_Angeles', PST8PDT: 'America/Los_Angeles',
  HST: 'Pacific/Honolulu', BRT: 'America/Sao_Paulo', CET: 'Europe/Berlin', CEST: 'Europe/Berlin', MET: 'Europe/Berlin', EET: 'Europe/Athens', EEST: 'Europe/Athens',
  WET: 'Europe/Lisbon', WEST: 'Europe/Lisbon', BST: 'Europe/London', GB: 'Europe/London', IST: 'Asia/Kolkata', JST: 'Asia/Tokyo', NZ: 'Pacific/Auckland',
  Z: 'UTC', UCT: 'UTC',
}

/** `Etc/GMT-2` for two hours east of UTC: the sign of these names is the other way round. */
const fixedZone = (sign: string, hours: number): string => (hours === 0 ? 'UTC' : `Etc/GMT${sign === '+' ? '-' : '+'}${hours}`)

export type ZoneAnswer = { zone: string } | { problem: string }

/**
 * A zone is what the IANA database has under its name of today, in any case. Other names of the same zone (Asia/Calcutta, US/Eastern) are
 * answered with that name. Abbreviations and offsets are not taken either: they say nothing about daylight saving, or mean something else elsewhere.
 */
export const readZone = (name: string): ZoneAnswer => {
  const given = name.trim()
  const offset = OFFSET.exec(given)
  if (offset && given !== '') {
    const [sign, hours, minutes] = [offset[1]!, Number(offset[2]), Number(offset[3] ?? 0)]
    const fixed = fixedZone(sign, hours)
    const write = minutes === 0 && resolve(fixed) ? `, or "${fixed}" for this offset all year` : ''
    return { problem: `"${name}" is an offset, not a time zone: write the name of a place, such as "Europe/Lisbon"${write}` }
  }
  const upper = given.toUpperCase()
  const utc = SAME_AS_UTC.find((candidate) => candidate.toUpperCase() === upper)
  if (utc) return { zone: utc }
  if (ABBREVIATION.test(given)) {
    const place = PLACES[upper] ?? resolve(given)
    const write = place?.includes('/') || place === 'UTC' ? `"${place}"` : 'the name of a place, such as "Europe/Lisbon"'
    return { problem: `"${name}" is an abbreviation, not an IANA time zone: write ${write}` }
  }
  const resolved = /^SystemV\//i.test(given) ? null : resolve(given)
  if (resolved) {
    const zone = todays(resolved)
    return zone.toUpperCase() === upper ? { zone } : { problem: `"${name}" is another name of a time zone: write "${zone}"` }
  }
  const guess = nearest(given)
  const hint = guess ? `did you mean "${guess}"?` : 'write a name such as "Europe/Lisbon" or "UTC"'
  return { problem: `"${name}" is not an IANA time zone: ${hint}` }
}
