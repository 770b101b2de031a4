// Cron expressions for tests: as people write them, and at random.

/** A small generator that gives the same numbers in every run. */
export const makeRandom = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}

const RANGES = [
  [0, 59],
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const
const SIZES = [60, 60, 24, 31, 12, 7]
const NAMES = [[], [], [], [], ['JAN', 'feb', 'Mar', 'JUN', 'DEC'], ['SUN', 'mon', 'Tue', 'WED', 'FRI', 'sat']]
const SPECIAL = [
  [],
  [],
  [],
  ['L', 'LW', '15W', '1W', '31W', '1,L', '1-7,LW'],
  ['FEB', 'apr,jun', 'JAN-MAR'],
  ['MON#5', '5L', 'FRI#L', '1-5#1', '7#2', 'SAT#1,SUN', 'friL', 'MON-FRI', '0,6', 'FRI-SUN', 'sat-sun/2', '5-7#1'],
]

/** Random expressions that can be read; some never fire. */
export const randomExpressions = (count: number, seed: number, withSeconds = 0.4): string[] => {
  const random = makeRandom(seed)
  const int = (min: number, max: number) => min + Math.floor(random() * (max - min + 1))
  const pick = <T>(from: readonly T[]): T => from[int(0, from.length - 1)]!
  const part = (index: number): string => {
    const [min, max] = RANGES[index]!
    const [low, high] = [int(min, max), int(min, max)].sort((one, other) => one - other) as [number, number] // two numbers
    const kind = random()
    if (kind < 0.3) return String(low)
    if (kind < 0.45) return `${low}-${high}`
    if (kind < 0.55) return `${low}-${high}/${int(1, 7)}`
    if (kind < 0.65) return `${low}/${int(1, SIZES[index]!)}`
    if (kind < 0.8) return `*/${int(1, SIZES[index]!)}`
    if (kind < 0.9 && NAMES[index]!.length > 0) return pick(NAMES[index]!)
    return SPECIAL[index]!.length > 0 ? pick(SPECIAL[index]!) : String(high)
  }
  const field = (index: number): string => {
    const kind = random()
    if (kind < 0.35) return '*'
    if (kind < 0.75) return part(index)
    if (index === 5 && kind < 0.8) return `+${part(index)}`
    return Array.from({ length: int(2, 4) }, () => (random() < 0.05 ? '*' : part(index))).join(',')
  }
  return Array.from({ length: count }, () =>
    (random() < withSeconds ? [0, 1, 2, 3, 4, 5] : [1, 2, 3, 4, 5]).map(field).join(' '),
  )
}

/** As crontabs have them: times of day, steps, ranges of hours, days of the week and of the month. */
export const usualExpressions = (count: number, seed: number): string[] => {
  const random = makeRandom(seed)
  const int = (min: number, max: number) => min + Math.floor(random() * (max - min + 1))
  const pick = <T>(from: readonly T[]): T => from[int(0, from.length - 1)]!
  const minute = () =>
    pick([
      '0',
      '0',
      '5',
      '15',
      '30',
      '59',
      '*',
      '*/5',
      '*/10',
      '*/15',
      '*/7',
      '0,30',
      '15,45',
      '0-10',
      '1/10',
      '0/20',
      '0-59',
    ])
  const hour = () =>
    pick([
      '*',
      '*',
      '0',
      '1',
      '2',
      '3',
      '23',
      '8',
      '*/2',
      '*/6',
      '0-3',
      '9-17',
      '22,23',
      '2,14',
      '1,13',
      '1/3',
      '0-23',
      '0-23/2',
      '0-5/2,22',
    ])
  const date = () => pick(['*', '*', '*', '*', '1', '15', '1,15', '28-31', '*/2', '*/1', '1-7', 'L', 'LW', '15W', '?'])
  const month = () => pick(['*', '*', '*', '*', '3', '10,11', '3-5', '*/3', 'JAN-DEC'])
  const weekday = () =>
    pick(['*', '*', '*', '1-5', 'MON-FRI', '0', '7', 'SUN', '6,0', '*/2', 'SUN#1', '0L', '+SUN', 'SAT,SUN'])
  return Array.from({ length: count }, () => {
    const [day, dayOfWeek] = [date(), weekday()]
    const named = day === '?' ? dayOfWeek.replace(/^[+\d].*$/, 'SUN') : dayOfWeek
    return [minute(), hour(), day, month(), named].join(' ')
  })
}
