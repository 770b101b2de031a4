/** The smallest of these values that so many percent of them do not exceed (nearest rank); NaN of none. */
export const percentile = (sorted: readonly number[], percent: number): number =>
  sorted[Math.min(Math.max(Math.ceil((percent / 100) * sorted.length), 1), sorted.length) - 1] ?? Number.NaN

export type Spread = { p50_ms: number; p99_ms: number; max_ms: number }

export const spreadOf = (times: readonly number[]): Spread => {
  const sorted = [...times].sort((a, b) => a - b)
  return { p50_ms: percentile(sorted, 50), p99_ms: percentile(sorted, 99), max_ms: sorted.at(-1) ?? Number.NaN }
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
export const mean = (values: readonly number[]): number => sum(values) / values.length

/** To three significant digits, as no measurement here is better than that; whole numbers stay whole. */
export const rounded = (value: number): number =>
  Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3))

/** Every number of a result rounded, for the JSON line; what is no number (a division by nothing) becomes null. */
export const roundedAll = (value: unknown): unknown => {
  if (typeof value === 'number') return Number.isFinite(value) ? rounded(value) : null
  if (Array.isArray(value)) return value.map(roundedAll)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, roundedAll(inner)]))
}
