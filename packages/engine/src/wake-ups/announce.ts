import type { Clock } from '@automagik-spark/core'
import { SECOND } from '@automagik-spark/core'
import type { Sql } from '@automagik-spark/db'
import type { WakeUps } from './wake-ups.ts'

/** What is due within so long is also told to the workers directly. */
const SOON_MS = 2 * SECOND

/** After a commit: something will be due at `at`. Never throws; what is lost here the reconciler finds. */
export const announceDue =
  ({ sql, wakeUps, clock }: { sql: Sql; wakeUps: Pick<WakeUps, 'wakeAt'>; clock: Clock }) =>
  async (at: Date): Promise<void> => {
    if (at.getTime() - clock.now().getTime() <= SOON_MS) {
      await sql.query(`SELECT pg_notify('spark_due', $1)`, [at.toISOString()]).catch(() => undefined)
    }
    await wakeUps.wakeAt(at)
  }
