import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError } from '@automagik-spark/core'
import { isDatabaseAway } from './unavailable.ts'

/** How long we look for a write that may have been committed. */
const LOOK_FOR_MS = 5_000
const LOOK_EVERY_MS = 250

// Nothing was sent, as there was no connection yet. `syscall` is that of the failed system call.
const UNCONNECTED = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|P1001)$/
const UNCONNECTED_TEXTS = /timeout exceeded when trying to connect|Cannot use a pool after calling end/
/** The error of a client that gave up waiting for PostgreSQL's answer. */
const GAVE_UP = /Query read timeout/

/** PostgreSQL itself reports that it did not do it. An error of class 08 may come from a pooler that lost its server. */
const isPostgresWord = (error: Error): boolean =>
  'severity' in error && 'code' in error && typeof error.code === 'string' && !error.code.startsWith('08')
const isUnconnected = (error: Error): boolean =>
  ('code' in error && typeof error.code === 'string' && UNCONNECTED.test(error.code)) ||
  ('syscall' in error && error.syscall === 'connect') ||
  UNCONNECTED_TEXTS.test(error.message) ||
  (error instanceof AggregateError && error.errors.every((one) => one instanceof Error && isUnconnected(one)))

/** Whether a write that failed may be committed nevertheless, because its connection broke before the answer came. */
export const mayBeCommitted = (error: unknown): boolean => {
  if (!(error instanceof Error) || error instanceof DomainError || isUnconnected(error) || isPostgresWord(error))
    return false
  return isDatabaseAway(error) || GAVE_UP.test(error.message)
}

/**
 * Makes a write that must not be repeated, for example because a flow would run twice. When it may be committed, we look for it. While PostgreSQL
 * stays away nobody can know, and the error says where to look instead of "try again".
 * @param look returns what was written, or null when it is not there; null where it cannot be told from what was there before
 * @param doubt the sentence for the user
 */
export const inDoubt = async <T>(
  write: () => Promise<T>,
  look: (() => Promise<T | null>) | null,
  doubt: string,
): Promise<T> => {
  try {
    return await write()
  } catch (error) {
    if (!mayBeCommitted(error)) throw error
    for (const until = performance.now() + LOOK_FOR_MS; look && performance.now() < until;) {
      await sleep(LOOK_EVERY_MS)
      // PostgreSQL may still be away, or the write under way.
      const found = await look().catch(() => null)
      if (found !== null) return found
    }
    throw new DomainError('unavailable', doubt, { cause: error })
  }
}

/** @param path below `/api/v1` */
export const whereToLook = (what: string, path: string): string =>
  `The database went away while ${what} was being stored, so it may be there. GET /api/v1/${path}: look there before sending again`
