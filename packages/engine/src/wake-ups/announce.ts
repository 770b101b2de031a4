import type { Clock } from '@automagik-spark/core'
import { SECOND } from '@automagik-spark/core'
import type { Sql } from '@automagik-spark/db'
import { notifyDue } from '@automagik-spark/db'
import type { WakeUps } from './wake-ups.ts'

/** A due time that is nearer than this is also sent to the workers directly. */
const SOON_MS = 2 * SECOND

/** Tells the workers, after a commit, that something is due at `at`. Never throws; the reconciler finds what is lost here. */
export const announceDue =
  ({ sql, wakeUps, clock }: { sql: Sql; wakeUps: Pick<WakeUps, 'wakeAt'>; clock: Clock }) =>
  async (at: Date): Promise<void> => {
    if (at.getTime() - clock.now().getTime() <= SOON_MS) {
      await notifyDue(sql, at).catch(() => undefined)
    }
    await wakeUps.wakeAt(at)
  }
export type AnnounceDue = ReturnType<typeof announceDue>
