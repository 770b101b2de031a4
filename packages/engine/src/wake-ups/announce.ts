import type { Clock } from '@automagik-spark/core'
import { SECOND } from '@automagik-spark/core'
import type { Sql } from '@automagik-spark/db'
import type { Queue } from './queue.ts'

/** What is due within so long is also told to the workers directly. */
const SOON_MS = 2 * SECOND

/** After a commit: something will be due at `at`. Never throws; what is lost here the reconciler finds. */
export const announceDue =
  ({ sql, queue, clock }: { sql: Sql; queue: Pick<Queue, 'wakeAt'>; clock: Clock }) =>
  async (at: Date): Promise<void> => {
    if (at.getTime() - clock.now().getTime() <= SOON_MS) {
      await sql.query(`SELECT pg_notify('spark_due', $1)`, [at.toISOString()]).catch(() => undefined)
    }
    await queue.wakeAt(at)
  }
