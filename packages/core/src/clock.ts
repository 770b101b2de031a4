/** The time by which everything is decided: PostgreSQL's in a running Spark, the test's own in a test. */
export type Clock = { now(): Date }

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** The whole second at or before this instant. */
export const floorToSecond = (at: Date): Date => new Date(Math.floor(at.getTime() / SECOND) * SECOND)

/** The whole second at or after this instant. */
export const ceilToSecond = (at: Date): Date => new Date(Math.ceil(at.getTime() / SECOND) * SECOND)
