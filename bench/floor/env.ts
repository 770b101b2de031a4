export const env = (name: string): string => {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is missing`)
  return value
}

/** Jobs before each measured fire, for Spark and its floors: Node runs new code several times slower, for thousands of jobs. */
export const WARM_UP_JOBS = 3_000

/** The first full second that is at least `aheadMs` from now. */
export const firstDueMs = (aheadMs: number): number => Math.ceil((Date.now() + aheadMs) / 1_000) * 1_000

/** SQL for how long after job 1 job `i` is due: evenly spread, in whole seconds. `$2` is the number of jobs, `$3` the spread in ms. */
export const afterFirst = (i: string): string => `floor((${i} - 1) * $3::float8 / $2 / 1000) * interval '1 second'`

export const untilSigterm = (): Promise<void> => new Promise((resolve) => process.once('SIGTERM', () => resolve()))
