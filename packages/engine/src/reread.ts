import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { rereadCron, startOf } from '@automagik-spark/core'
import type { RereadRow, Sql, UnreadRow } from '@automagik-spark/db'
import { findUnread, sqlNow, writeReread } from '@automagik-spark/db'
import { planOf } from './decidable.ts'
import type { Logger } from './logger.ts'
import type { WakeUps } from './wake-ups/wake-ups.ts'

type Deps = { sql: Sql; wakeUps: Pick<WakeUps, 'wakeAtAll'>; logger: Logger }

const BATCH = 100
/** How many are read in one turn of the event loop. */
const TURN = 5
const AGAIN_MS = 2_000

/** The schedule's next times by today's reader of cron. Only an active schedule needs them. */
const reread = (row: UnreadRow, now: Date): RereadRow => {
  const plan = planOf(row)
  const { warnings, next_due_at } = rereadCron(plan, row.decided_until, now)
  const { id, status, decided_until, updated_at } = row
  const seen = { id, decided_until, updated_at, warning: status === 'completed' ? null : (warnings[0] ?? null) }
  if (status !== 'active') return { ...seen, status, next_due_at: row.next_due_at, next_run_at: row.next_run_at }
  if (!next_due_at) return { ...seen, status: 'completed', next_due_at: null, next_run_at: null }
  return { ...seen, status, next_due_at, next_run_at: startOf(plan, next_due_at) }
}

/**
 * Reads again the cron schedules that were stored before Spark read cron as Debian does: writes their next times, and a warning where
 * times differ. Every process does it in the background when it starts. It holds no lock while it reads; the first writer wins.
 */
export const startReread = ({ sql, wakeUps, logger }: Deps) => {
  const stopping = new AbortController()

  /** How many schedules were found, and how many were written. */
  const batch = async (): Promise<{ found: number; done: number }> => {
    const rows = await findUnread(sql, BATCH)
    if (rows.length === 0) return { found: 0, done: 0 }
    const now = await sqlNow(sql)
    const read: RereadRow[] = []
    for (const [index, row] of rows.entries()) {
      if (index % TURN === TURN - 1) await turn()
      read.push(reread(row, now))
    }
    const written = await writeReread(sql, read)
    const before = new Map(rows.map((row) => [row.id, row.next_run_at?.getTime()]))
    const done = read.filter((row) => written.has(row.id))
    for (const { id, warning } of done)
      if (warning) logger.warn({ schedule_id: id, warning }, 'a cron schedule has a warning since cron is read anew')
    const next = done.flatMap(({ id, next_run_at }) =>
      next_run_at && next_run_at.getTime() !== before.get(id) ? [next_run_at] : [],
    )
    if (next.length > 0) await wakeUps.wakeAtAll(next)
    return { found: rows.length, done: done.length }
  }

  const all = async (): Promise<void> => {
    let total = 0
    while (!stopping.signal.aborted) {
      try {
        const { found, done } = await batch()
        total += done
        if (found === 0) break
        if (done === 0) await wait(AGAIN_MS, undefined, { signal: stopping.signal })
      } catch (error) {
        if (stopping.signal.aborted) return
        logger.warn({ err: error }, 'stored cron schedules could not be read again; trying again')
        await wait(AGAIN_MS, undefined, { signal: stopping.signal }).catch(() => undefined)
      }
    }
    if (total > 0) logger.info({ schedules: total }, 'stored cron schedules were read again')
  }
  const done = all()
  return {
    /** Ends when all schedules have been read. */
    done,
    async close() {
      stopping.abort()
      await done
    },
  }
}
