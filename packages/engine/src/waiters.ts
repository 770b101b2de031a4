import { isFinished } from '@automagik-spark/core'
import type { Db, TaskRow } from '@automagik-spark/db'
import { idsIn } from '@automagik-spark/db'
import type { Logger } from './logger.ts'

type Deps = { db: Db; logger: Logger; pollMs?: number }
type Waiter = { resolve: (row: TaskRow | null) => void; timer: ReturnType<typeof setTimeout>; begun: boolean }

/** How many ids one query asks for. */
const LOOK_AT = 200
/** After so many queries in a row without an answer PostgreSQL is away, and every waiter is let go. */
const UNANSWERED_LOOKS = 5

/** Tells waiters that their tasks have ended: by NOTIFY, and by polling in case one was missed or not sent. */
export const makeWaiters = ({ db, logger, pollMs = 1_000 }: Deps) => {
  const waiting = new Map<string, Set<Waiter>>()
  const asked = new Set<string>()
  let looking = false
  let unanswered = 0

  const forget = (id: string, waiter: Waiter) => {
    clearTimeout(waiter.timer)
    const others = waiting.get(id)
    others?.delete(waiter)
    if (others?.size === 0) waiting.delete(id)
  }
  const settle = (id: string, row: TaskRow | null) => {
    for (const waiter of waiting.get(id) ?? []) {
      forget(id, waiter)
      waiter.resolve(row)
    }
  }

  const look = async () => {
    if (looking) return
    looking = true
    try {
      while (asked.size > 0) {
        const ids = [...asked].slice(0, LOOK_AT)
        for (const id of ids) asked.delete(id)
        const rows = new Map((await db.tasks.findMany(ids)).map((row) => [row.id, row]))
        unanswered = 0
        for (const id of ids) {
          const row = rows.get(id)
          if (!row) settle(id, null)
          else if (isFinished(row.status)) settle(id, row)
        }
      }
    } catch (error) {
      logger.warn({ err: error }, 'looking for finished tasks failed')
    } finally {
      looking = false
    }
  }
  /** Skips waiters whose task is not committed yet; it would look deleted. */
  const askAll = () => {
    for (const [id, waiters] of waiting) if ([...waiters].some(({ begun }) => begun)) asked.add(id)
  }
  const giveUp = () => {
    for (const [id, waiters] of waiting) if ([...waiters].some(({ begun }) => begun)) settle(id, null)
  }
  const timer = setInterval(() => {
    askAll()
    unanswered = asked.size > 0 || looking ? unanswered + 1 : 0
    if (unanswered > UNANSWERED_LOOKS) giveUp()
    void look()
  }, pollMs)

  return {
    /**
     * Waits at most `ms` for the end of a task. Register before the task can end, and call `begun` when it is committed.
     * `over` gives the finished row; null when the time is up, the task was deleted, or PostgreSQL is away for long.
     */
    wait(id: string, ms: number): { over: Promise<TaskRow | null>; begun: () => void; forget: () => void } {
      let waiter: Waiter
      const over = new Promise<TaskRow | null>((resolve) => {
        waiter = {
          resolve,
          begun: false,
          timer: setTimeout(() => {
            forget(id, waiter)
            resolve(null)
          }, ms),
        }
        waiting.set(id, (waiting.get(id) ?? new Set()).add(waiter))
      })
      return {
        over,
        begun() {
          waiter.begun = true
        },
        forget() {
          forget(id, waiter)
          waiter.resolve(null)
        },
      }
    },

    /** The payload of `spark_done`. */
    onDone(payload: string) {
      for (const id of idsIn(payload)) if (waiting.has(id)) asked.add(id)
      if (asked.size > 0) void look()
    },

    /** Notifications during a broken connection are lost: query all. */
    onUp() {
      askAll()
      void look()
    },

    close() {
      clearInterval(timer)
      for (const id of [...waiting.keys()]) settle(id, null)
    },
  }
}
export type Waiters = ReturnType<typeof makeWaiters>
