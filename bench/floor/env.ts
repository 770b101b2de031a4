export const env = (name: string): string => {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is missing`)
  return value
}

/** What every fire is measured after, of Spark and of its floors alike: Node runs new code several times slower, for thousands of jobs. */
export const WARM_UP_JOBS = 3_000

/** The first full second that lies so far ahead. */
export const firstDueMs = (aheadMs: number): number => Math.ceil((Date.now() + aheadMs) / 1_000) * 1_000

/** When job `i`, the first being 1, is due after the first, in SQL: evenly spread, in whole seconds. `$2` is how many jobs there are, `$3` the spread in ms. */
export const afterFirst = (i: string): string => `floor((${i} - 1) * $3::float8 / $2 / 1000) * interval '1 second'`

export const untilAskedToEnd = (): Promise<void> => new Promise((resolve) => process.once('SIGTERM', () => resolve()))
