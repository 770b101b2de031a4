/** What the ledger says of a due time. */
export const DECISIONS = ['started', 'skipped', 'missed', 'superseded'] as const
export const REASONS = ['overlap', 'misfire', 'source_down', 'paused', 'ended', 'edited', 'backfill'] as const

/** A decision about one due time, or one decision about all due times of a span. */
export type LedgerRow = {
  scheduled_for: Date
  /** The last due time of a span, inclusive; null for a single due time. */
  until: Date | null
  count: number
  /** Whether `count` is a lower bound. */
  count_at_least: boolean
  decision: (typeof DECISIONS)[number]
  reason: (typeof REASONS)[number] | null
}
