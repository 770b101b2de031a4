import { HOUR, SECOND } from '../clock.ts'

const BASE_MS = 10 * SECOND
export const MAX_RETRY_DELAY_MS = HOUR

const windows = (): number[] => {
  const all: number[] = []
  for (let ms = BASE_MS; ms < MAX_RETRY_DELAY_MS; ms *= 2) all.push(ms)
  return [...all, MAX_RETRY_DELAY_MS]
}

/** The longest delay of the first, second, … retry, in milliseconds: from 10 s it doubles up to an hour. The last is that of all further retries, too. */
export const RETRY_WINDOWS_MS: readonly number[] = windows()

/**
 * How long to wait before retry number `retry` (from 1), in milliseconds. Full jitter: a random time up to the longest delay, so that tasks
 * that failed together are not retried together. It is added to Retry-After when the server sent one. At most an hour.
 * @param random in [0, 1)
 */
export const retryDelayMs = ({
  retry,
  retry_after,
  random,
}: {
  retry: number
  retry_after: number | null
  random: number
}): number => {
  const at = Math.min(Math.max(retry, 1), RETRY_WINDOWS_MS.length) - 1
  const jittered = Math.floor(random * RETRY_WINDOWS_MS[at]!)
  return Math.min((retry_after ?? 0) * SECOND + jittered, MAX_RETRY_DELAY_MS)
}
