import type { Sql, WorkerRow } from '@automagik-spark/db'
import { existingTasks, prolongLeases, writeHeartbeat } from '@automagik-spark/db'
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

/** Shows that the worker is alive, sets its clock, prolongs the leases of tasks in hand, and stops those that were cancelled or deleted. */
export const makeHeartbeat = ({ sql, clock, logger, runner, troubles, leaseMs, worker }: Deps) => {
  let status: WorkerRow['status'] = 'active'
  let isSkewTold = false

  const showAlive = async () => {
    const askedAt = performance.now()
    const row = { ...worker, status, current_tasks: runner.count(), trouble: troubles.current() }
    const now = await writeHeartbeat(sql, row)
    clock.learn(now, performance.now() - askedAt)
    const isSkewed = Math.abs(clock.skewMs()) > SKEW_WARN_MS
    if (isSkewed && !isSkewTold)
      logger.warn(
        { skew_ms: Math.round(clock.skewMs()) },
        "this machine's clock differs from PostgreSQL's, which decides",
      )
    isSkewTold = isSkewed
  }

  const prolong = async () => {
    const inHand = runner.inHand()
    const prolongedAt = performance.now()
    const kept = new Map(
      (
        await prolongLeases(
          sql,
          inHand.map(({ task }) => task),
          leaseMs,
        )
      ).map((row) => [row.id, row]),
    )
    for (const entry of inHand) {
      const row = kept.get(entry.task.id)
      if (row) entry.leaseEndsAt = prolongedAt + leaseMs
      if (row?.cancel_requested_at) runner.stop(entry.task.id, 'cancelled')
    }
    const lost = inHand.flatMap(({ task }) => (kept.has(task.id) ? [] : task.id))
    if (lost.length === 0) return
    // Settled by now, deleted, or taken over. Only a deleted one is stopped: a call that was sent and taken over may still report.
    const existing = await existingTasks(sql, lost)
    for (const id of lost) if (!existing.has(id)) runner.stop(id, 'gone')
  }

  const once = async (): Promise<void> => {
    await showAlive()
    await prolong()
  }
  /** Never throws: the next one comes soon. */
  const quietly = (): Promise<void> => troubles.during('heartbeat', once).catch(() => undefined)
  troubles.onChange(() => void quietly()) // others learn of it from the worker's row

  return {
    once,
    quietly,
    setStatus(next: WorkerRow['status']) {
      status = next
    },
  }
}
export type Heartbeat = ReturnType<typeof makeHeartbeat>
