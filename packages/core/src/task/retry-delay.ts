import { HOUR, SECOND } from '../clock.ts'

const BASE_MS = 10 * SECOND
export const MAX_RETRY_DELAY_MS = HOUR

const windows = (): number[] => {
  const all: number[] = []
  for (let ms = BASE_MS; ms < MAX_RETRY_DELAY_MS; ms *= 2) all.push(ms)
  return [...all, MAX_RETRY_DELAY_MS]
}

/** How long the first, second, … retry is put off at most, in milliseconds: from 10 s it doubles up to an hour. The last one holds for all that follow. */
export const RETRY_WINDOWS_MS: readonly number[] = windows()

/**
 * How long to wait before retry number `retry` (from 1), in milliseconds. Full jitter: anywhere in its window, so that what failed
 * together does not come back together. Counted from Retry-After when the server gave one. At most an hour.
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
