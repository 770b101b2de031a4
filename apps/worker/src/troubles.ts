import type { Logger } from '@automagik-spark/engine'
import { isOurBug, kindOf, whyUnavailable } from '@automagik-spark/engine'

/** One failure is no trouble: connections break, and the next try succeeds. */
const TROUBLE_AFTER_MS = 10_000

type Open = { sinceMs: number; failures: number; kind: string; isBug: boolean; reason: string; told: boolean }

/**
 * What keeps failing at PostgreSQL: it is logged once and not at each try, counted, and after 10 s shown in `/health`. A statement that
 * PostgreSQL does not understand is a bug and shown at once.
 */
export const makeTroubles = ({ logger }: { logger: Logger }) => {
  let onChange = (): void => undefined
  /** By the work that fails, as the log and `/health` name it: `claiming`, `settling`, … */
  const open = new Map<string, Open>()

  const failed = (work: string, error: unknown): void => {
    const nowMs = performance.now()
    const isBug = isOurBug(error)
    const kind = kindOf(error)
    const before = open.get(work)
    const reason = isBug
      ? `PostgreSQL refuses a statement of Spark (SQLSTATE ${kind}): report it, with the log of the worker`
      : (whyUnavailable(error) ?? "the worker's log has the reason")
    const entry: Open = { ...(before ?? { sinceMs: nowMs, failures: 0, told: false }), kind, isBug, reason }
    entry.failures++
    open.set(work, entry)
    if (before?.kind !== kind) logger[isBug ? 'error' : 'warn']({ err: error, work }, `${work} failed; trying again`)
    if (!entry.told && (isBug || nowMs - entry.sinceMs >= TROUBLE_AFTER_MS)) {
      entry.told = true
      onChange()
    }
  }

  const worked = (work: string): void => {
    const entry = open.get(work)
    if (!entry) return
    open.delete(work)
    logger.info({ work, failures: entry.failures, for_s: secondsSince(entry.sinceMs) }, `${work} works again`)
    if (entry.told) onChange()
  }

  return {
    failed,
    worked,
    /** Does the work and notes whether it succeeded. It throws what `act` throws. */
    async during<T>(work: string, act: () => Promise<T>): Promise<T> {
      try {
        const value = await act()
        worked(work)
        return value
      } catch (error) {
        failed(work, error)
        throw error
      }
    },
    /** Calls the listener when the result of `current` begins or ceases to hold. */
    onChange(listener: () => void): void {
      onChange = listener
    },
    /** What `/health` shows, or null. */
    current(): string | null {
      const told = [...open].filter(([, trouble]) => trouble.told)
      return (
        told
          .map(
            ([work, { failures, sinceMs, reason }]) =>
              `${work} has failed for ${secondsSince(sinceMs)} s (${failures} times): ${reason}`,
          )
          .join('; ') || null
      )
    },
  }
}
export type Troubles = ReturnType<typeof makeTroubles>

const secondsSince = (ms: number): number => Math.round((performance.now() - ms) / 1000)
