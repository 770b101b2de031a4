import type { Sql, WorkerRow } from '@automagik-spark/db'
import { prolongLeases, writeHeartbeat } from '@automagik-spark/db'
import type { DbClock, Logger } from '@automagik-spark/engine'
import type { Runner } from './runner.ts'
import type { Troubles } from './troubles.ts'

type Deps = {
  /** A connection of its own, so that no slow statement keeps a lease from being prolonged. */
  sql: Sql
  clock: DbClock
  logger: Logger
  runner: Runner
  troubles: Troubles
  leaseMs: number
  worker: Omit<WorkerRow, 'started_at' | 'last_heartbeat' | 'current_tasks' | 'status' | 'trouble'>
}

const SKEW_WARN_MS = 2_000

/** Says that the worker lives, prolongs what it has in hand, learns what was taken from it, and sets the clock. */
export const makeHeartbeat = ({ sql, clock, logger, runner, troubles, leaseMs, worker }: Deps) => {
  let status: WorkerRow['status'] = 'active'
  let warned = false

  const once = async () => {
    const askedAt = performance.now()
    const now = await writeHeartbeat(sql, {
      ...worker,
      status,
      current_tasks: runner.count(),
      trouble: troubles.current(),
    })
    clock.learn(now, performance.now() - askedAt)
    const skewed = Math.abs(clock.skewMs()) > SKEW_WARN_MS
    if (skewed && !warned)
      logger.warn(
        { skew_ms: Math.round(clock.skewMs()) },
        "this machine's clock differs from PostgreSQL's, which decides",
      )
    warned = skewed

    const inHand = runner.held()
    const prolongedAt = performance.now()
    const held = new Map(
      (
        await prolongLeases(
          sql,
          inHand.map(({ task }) => task),
          leaseMs,
        )
      ).map((row) => [row.id, row]),
    )
    const lost = inHand.filter(({ task }) => !held.has(task.id))
    for (const entry of inHand) {
      const row = held.get(entry.task.id)
      if (row) entry.leaseEndsAt = prolongedAt + leaseMs
      if (row?.cancel_requested_at) runner.stop(entry.task.id, 'cancelled')
    }
    if (lost.length === 0) return
    // Settled by now, deleted, or taken over. Only what was deleted is stopped: a call that was sent and taken over may still report.
    const { rows } = await sql.query<{ id: string }>(`SELECT id FROM tasks WHERE id = ANY ($1::uuid[])`, [
      lost.map(({ task }) => task.id),
    ])
    const there = new Set(rows.map((row) => row.id))
    for (const { task } of lost) if (!there.has(task.id)) runner.stop(task.id, 'gone')
  }

  return {
    once,
    setStatus(next: WorkerRow['status']) {
      status = next
    },
  }
}
