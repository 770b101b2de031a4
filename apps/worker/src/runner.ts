import { setTimeout as sleep } from 'node:timers/promises'
import { singleFlight } from '@automagik-spark/core'
import type { ClaimedTask, LostCall, Sql } from '@automagik-spark/db'
import { claim, claimedBy } from '@automagik-spark/db'
import type { Ids, Logger } from '@automagik-spark/engine'
import { mayBeCommitted } from '@automagik-spark/engine'
import type { InHand } from './in-hand.ts'
import { Stopped } from './in-hand.ts'
import type { RunTask } from './run-task.ts'
import type { Settler } from './settle.ts'
import type { Target, Targets } from './targets.ts'
import type { Troubles } from './troubles.ts'

type Deps = {
  worker_id: string
  /** A connection of its own for claims. */
  sql: Sql
  targets: Targets
  runTask: RunTask
  settler: Pick<Settler, 'release'>
  troubles: Troubles
  ids: Ids
  logger: Logger
  /** Slots: tasks in hand at once. */
  concurrency: number
  leaseMs: number
}

const READ_BACK_TRIES = 8
const READ_BACK_MS = 250

/** Claims tasks that are ready and runs them, as many at once as there are slots. */
export const makeRunner = (deps: Deps) => {
  const { worker_id, sql, targets, runTask, settler, troubles, ids, logger, concurrency, leaseMs } = deps
  const inHand = new Map<string, InHand>()
  let isOpen = true
  let leaving: NodeJS.Immediate | null = null

  const take = (task: ClaimedTask, phase: InHand['phase'], leaseEndsAt: number): InHand => {
    const entry: InHand = { task, phase, abort: new AbortController(), leaseEndsAt }
    inHand.set(task.id, entry)
    return entry
  }
  const drop = (entry: InHand) => {
    // Only this very attempt: the task may be in hand again under another token.
    if (inHand.get(entry.task.id) === entry) inHand.delete(entry.task.id)
    // Runs that were settled together leave their slots together.
    leaving ??= setImmediate(() => {
      leaving = null
      pump()
    })
  }

  const claimTasks = async (slots: number): Promise<ClaimedTask[]> => {
    const token = ids.token()
    try {
      return await troubles.during('claiming', () => claim(sql, { worker_id, token, slots, leaseMs }))
    } catch (error) {
      if (!mayBeCommitted(error)) throw error
      // Committed or not? Whatever has the token is ours.
      for (let i = 0; i < READ_BACK_TRIES; i++) {
        await sleep(READ_BACK_MS * (i + 1))
        try {
          return await claimedBy(sql, token)
        } catch {
          // PostgreSQL is still away; the lease is longer than all of these tries
        }
      }
      throw error
    }
  }

  const claimAndRun = async (): Promise<void> => {
    const slots = concurrency - inHand.size
    if (!isOpen || slots <= 0) return
    const claimedAt = performance.now()
    const tasks = await claimTasks(slots)
    if (tasks.length === 0) return
    let found: Map<string, Target>
    try {
      found = await targets.of(tasks)
    } catch (error) {
      await settler.release(tasks, 'the worker could not read the flow')
      throw error
    }
    for (const task of tasks) {
      const entry = take(task, 'claimed', claimedAt + leaseMs)
      void runTask.run(entry, found.get(task.id)).finally(() => drop(entry))
    }
  }
  const claimQuietly = singleFlight(
    () => claimAndRun().catch((error: unknown) => logger.debug({ err: error }, 'claim failed')), // `troubles`, or what failed, has logged it
  )

  /** Claims when there is a free slot. Every hint calls it: without one it costs nothing. */
  const pump = (): void => {
    if (isOpen && inHand.size < concurrency) void claimQuietly()
  }

  return {
    pump,
    inHand: (): readonly InHand[] => [...inHand.values()],
    count: () => inHand.size,
    /** Aborts the call of a task in hand. */
    stop(task_id: string, why: Stopped['why']): void {
      inHand.get(task_id)?.abort.abort(new Stopped(why))
    },
    /** Takes over calls of dead workers, to recover their outcomes. A task that is in hand already is not taken again. */
    async takeOver(tasks: LostCall[]): Promise<void> {
      const fresh = isOpen ? tasks.filter((task) => !inHand.has(task.id)) : []
      if (fresh.length === 0) return
      const found = await targets.of(fresh)
      for (const { left_ms, ...task } of fresh) {
        const target = found.get(task.id)
        if (!target || inHand.has(task.id)) continue // without a target it has just been deleted
        const entry = take(task, 'asking', performance.now() + leaseMs)
        void runTask
          .recoverOrphan(entry, target, left_ms)
          .catch((error: unknown) => logger.error({ task_id: task.id, err: error }, 'recovering an outcome threw'))
          .finally(() => drop(entry))
      }
    },
    /** Claims nothing more. Tasks in hand go on. */
    async close(): Promise<void> {
      isOpen = false
      await claimQuietly()
    },
  }
}
export type Runner = ReturnType<typeof makeRunner>
