/** The smallest value that `percent` of the values do not exceed (nearest rank); NaN when there are none. */
export const percentile = (sorted: readonly number[], percent: number): number =>
  sorted[Math.min(Math.max(Math.ceil((percent / 100) * sorted.length), 1), sorted.length) - 1] ?? Number.NaN

export type Spread = { p50_ms: number; p99_ms: number; max_ms: number }

export const spreadOf = (times: readonly number[]): Spread => {
  const sorted = [...times].sort((a, b) => a - b)
  return { p50_ms: percentile(sorted, 50), p99_ms: percentile(sorted, 99), max_ms: sorted.at(-1) ?? Number.NaN }
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
export const mean = (values: readonly number[]): number => sum(values) / values.length

/** Three significant digits: no measurement here is more exact. From 1,000 on, a whole number. */
export const rounded = (value: number): number =>
  Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3))

/** Rounds every number of a result for the JSON line; NaN and infinity (a division by zero) become null. */
export const roundedAll = (value: unknown): unknown => {
  if (typeof value === 'number') return Number.isFinite(value) ? rounded(value) : null
  if (Array.isArray(value)) return value.map(roundedAll)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, roundedAll(inner)]))
}
