import type { FailureClass } from '../errors.ts'
import { retryDelayMs } from './retry-delay.ts'

/** Which failures are retried; each level includes the one before. */
export const RETRY_LEVELS = ['safe', 'failure', 'unknown'] as const
export type RetryLevel = (typeof RETRY_LEVELS)[number]
export const MAX_RETRIES = 100
export const MANUAL_RETRIES = 0
export const SCHEDULED_RETRIES = 3

/** The lowest level at which a failure is retried; null: never automatically. */
const LEVEL_OF: Record<FailureClass, RetryLevel | null> = {
  not_sent: 'safe',
  turned_away: 'safe',
  flow_failed: 'failure',
  unknown: 'unknown',
  refused: null,
  bad_answer: null,
}

export type RetryPolicy = {
  max_retries: number
  retry_on: RetryLevel
  /** Including the attempt that has just failed. */
  tries: number
  /** The tries before the last retry by hand, which starts `max_retries` anew. */
  tries_before: number
}
export type RetryableFailure = { failure: FailureClass; retry_after: number | null }

/** Milliseconds until the task is retried after this failure; null when it is not. */
export const nextRetryMs = (
  task: RetryPolicy,
  { failure, retry_after }: RetryableFailure,
  random: number,
): number | null => {
  const level = LEVEL_OF[failure]
  const retry = task.tries - task.tries_before
  if (level === null || retry > task.max_retries) return null
  if (RETRY_LEVELS.indexOf(level) > RETRY_LEVELS.indexOf(task.retry_on)) return null
  return retryDelayMs({ retry, retry_after, random })
}
