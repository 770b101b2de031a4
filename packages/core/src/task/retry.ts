import type { FailureClass } from '../errors.ts'
import { retryDelayMs } from './retry-delay.ts'

/** What may be tried again; each level includes the one before. */
export const RETRY_LEVELS = ['safe', 'failure', 'unknown'] as const
export type RetryLevel = (typeof RETRY_LEVELS)[number]
export const MAX_RETRIES = 100
export const MANUAL_RETRIES = 0
export const SCHEDULED_RETRIES = 3

/** From which level on a failure may be tried again; null: never by itself. */
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
  /** With the attempt that has just failed. */
  tries: number
  /** Tries of earlier rounds: a retry by hand begins another with a fresh `max_retries`. */
  tries_before: number
}
export type RetryableFailure = { failure: FailureClass; retry_after: number | null }

/** Milliseconds until the task may be tried again after this failure; null: it ends here. */
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
