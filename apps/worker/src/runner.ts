import { setTimeout as sleep } from 'node:timers/promises'
import type { Doubt } from '@automagik-spark/adapters'
import { SourceError } from '@automagik-spark/core'
import type { ClaimedTask, LostCall, Sql } from '@automagik-spark/db'
import { claim, claimedBy, markCalling, markRecovering, settlementOf } from '@automagik-spark/db'
import type { Ids, Logger } from '@automagik-spark/engine'
import { makeBatcher, mayBeCommitted } from '@automagik-spark/engine'
import type { Attempt, AttemptEnd } from './attempt.ts'
import { makeEnds, Stopped } from './attempt.ts'
import type { ConfirmNotFound } from './confirm-not-found.ts'
import type { Prepare } from './prepare.ts'
import type { Ask } from './recover.ts'
import type { Settler } from './settle.ts'
import type { Target, Targets } from './targets.ts'
import type { Troubles } from './troubles.ts'
import type { HandleUnsent } from './unsent.ts'

type Deps = {
  worker_id: string
  /** The claim's own connection. */
  claimSql: Sql
  /** The intents' own: before a call nobody waits for answers that are being written. */
  intendSql: Sql
  targets: Targets
  prepare: Prepare
  confirmNotFound: ConfirmNotFound
  attempt: Attempt
  ask: Ask
  /** True: the attempt counts as failed. */
  unsent: HandleUnsent
  settler: Settler
  troubles: Troubles
  ids: Ids
  logger: Logger
  concurrency: number
  leaseMs: number
  random: () => number
  onStreamsOnly: (workflow_id: string, flow_version: number, streams_only: boolean) => void
  /** The flow is gone at its server. */
  onGone: (workflow_id: string) => void
  onNote: (task: ClaimedTask, note: string) => Promise<void>
}

/** A task in hand. */
export type Held = {
  task: ClaimedTask
  /** `calling` from the moment that the request may be on its way, `asking` when it is lost and its server is asked what became of it. */
  phase: 'claimed' | 'calling' | 'asking'
  abort: AbortController
  /** By the monotonic clock: past it nothing new is sent. */
  leaseEndsAt: number
}

const PENDING_RETRIES = 8
const RETRY_MS = 250

/** Claims what is ready, calls it, settles it: as many at once as there are slots. */
export const makeRunner = (deps: Deps) => {
  const {
    worker_id,
    claimSql,
    intendSql,
    targets,
    prepare,
    attempt,
    ask,
    unsent,
    settler,
    troubles,
    ids,
    logger,
    concurrency,
    leaseMs,
  } = deps
  const held = new Map<string, Held>()
  let open = true
  let claiming: Promise<void> | null = null
  let again = false
  let leaving: NodeJS.Immediate | null = null

  const intend = makeBatcher<ClaimedTask, boolean>({
    max: 500,
    run: async (tasks) => {
      const ours = await troubles.during('starting runs', () => markCalling(intendSql, tasks))
      return tasks.map((task) => ours.has(`${task.id}:${task.token}`))
    },
  })

  const drop = (entry: Held) => {
    // Only this very attempt: the task may be in hand again under another token.
    if (held.get(entry.task.id) === entry) held.delete(entry.task.id)
    // Runs that were settled together leave their slots together.
    leaving ??= setImmediate(() => {
      leaving = null
      pump()
    })
  }

  const finish = async (task: ClaimedTask, { settlement, notes }: AttemptEnd) => {
    for (const note of notes) await deps.onNote(task, note)
    if (!settlement) return
    const written = await settler.settle(settlement, task.tries)
    const { status, error_code, retry_in_ms } = settlement
    if (error_code === 'flow_not_found') deps.onGone(task.workflow_id)
    if (retry_in_ms === null) logger.info({ task_id: task.id, status, error_code, written }, 'task finished')
    else
      logger.info(
        { task_id: task.id, error_code, retry_in_ms, try: task.tries, written },
        'attempt failed and will be repeated',
      )
  }

  const askFor = async (entry: Held, target: Target, lost: SourceError, untilMs: number): Promise<AttemptEnd> => {
    entry.phase = 'asking'
    // That it is being asked for is for others to see; a worker that dies here is taken over as one that died during the call.
    await markRecovering(intendSql, entry.task).catch((error: unknown) =>
      logger.warn({ task_id: entry.task.id, err: error }, 'asking could not be written'),
    )
    return ask(entry.task, target, entry.abort.signal, { lost, untilMs })
  }

  /** A call of a worker that is gone. */
  const runAsked = async (entry: Held, target: Target, leftMs: number) => {
    try {
      const lost = new SourceError('outcome_unknown', 'unknown', 'The worker was stopped or died during the call.')
      await finish(
        entry.task,
        await ask(entry.task, target, entry.abort.signal, { lost, untilMs: performance.now() + leftMs }),
      )
    } finally {
      drop(entry)
    }
  }

  const run = async (entry: Held, found: Target | undefined) => {
    const { task } = entry
    try {
      if (!found) return // its workflow or source has just been deleted
      const untilMs = performance.now() + task.timeout * 1000
      const preparing = prepare.before(task, found, entry.abort.signal)
      const ready = preparing && (await preparing.catch((error: unknown) => stoppedOr(entry, error)))
      if (ready === 'stopped') return void (await settleUnsent(entry))
      if (ready?.refusal) return void (await finishRefused(entry, found, ready.refusal, ready.notes))
      const target = ready?.target ?? found
      if (!(await intend(task))) return void (await settleUnsent(entry))
      // No await from here to the call: the intent stands, and the lease is looked at once more.
      if (entry.abort.signal.aborted) return void (await settleUnsent(entry))
      if (performance.now() >= entry.leaseEndsAt)
        return void (await settler.handBack([task], 'the lease ended before the call was sent'))
      entry.phase = 'calling'
      let end = await attempt(
        task,
        target,
        entry.abort.signal,
        ready ? Math.max(1, Math.round(untilMs - performance.now())) : undefined,
      )
      if (ready) end.notes = [...ready.notes, ...end.notes]
      // A flow that was read for this run is known as it is.
      if (end.doubt && (end.doubt.is_elsewhere || !ready)) end = await lookedAt(entry, target, end, end.doubt)
      if (end.streams_only !== null && end.streams_only !== target.flow.streams_only) {
        targets.streamsOnly(found.flow, end.streams_only)
        deps.onStreamsOnly(task.workflow_id, target.flow.flow_version, end.streams_only)
      }
      if (end.unsent && !(await unsent(entry, end.unsent))) return
      await finish(task, end.lost ? await askFor(entry, target, end.lost, untilMs) : end)
    } catch (error) {
      if (error instanceof Stopped) return void (await settleUnsent(entry))
      // The intent could not be written: nothing was sent, so it goes back, or its lease runs out.
      logger.warn({ task_id: task.id, err: error }, 'task could not be started')
      await settler.handBack([task], 'the worker could not reach PostgreSQL before the call')
    } finally {
      drop(entry)
    }
  }

  /** The end of a run whose answer gives reason to doubt the copy: a flow that was changed may have run without its input. */
  const lookedAt = async (
    { task, abort }: Held,
    target: Target,
    end: AttemptEnd,
    doubt: Doubt,
  ): Promise<AttemptEnd> => {
    const { notes, lost } = await prepare.after(task, target, abort.signal, doubt)
    const said = [...end.notes, ...notes]
    return lost ? { ...makeEnds(task, deps.random).failed(lost), notes: said } : { ...end, notes: said }
  }

  /** Found out before anything was sent. */
  const finishRefused = async (entry: Held, target: Target, refusal: SourceError, notes: string[]) => {
    const known = refusal.error_code === 'flow_not_found' ? await deps.confirmNotFound(refusal, target) : refusal
    if (known.failure === 'not_sent' && !(await unsent(entry, known))) return
    await finish(entry.task, { ...makeEnds(entry.task, deps.random).failed(known), notes })
  }

  const stoppedOr = ({ abort }: Held, error: unknown): 'stopped' => {
    if (abort.signal.aborted) return 'stopped'
    throw error
  }

  /** Its intent was refused, or it was stopped before the call or after one that was not sent: cancelled, or no longer ours. */
  const settleUnsent = async ({ task, abort }: Held) => {
    if (abort.signal.aborted && abort.signal.reason instanceof Stopped && abort.signal.reason.why === 'gone') return
    await settler.settle(settlementOf(task, { status: 'cancelled' }), task.tries)
  }

  const claimOnce = async (slots: number): Promise<ClaimedTask[]> => {
    const token = ids.token()
    try {
      return await troubles.during('claiming', () => claim(claimSql, { worker_id, token, slots, leaseMs }))
    } catch (error) {
      if (!mayBeCommitted(error)) throw error
      // Committed or not? The token tells: what it holds is ours.
      for (let i = 0; i < PENDING_RETRIES; i++) {
        await sleep(RETRY_MS * (i + 1))
        try {
          return await claimedBy(claimSql, token)
        } catch {
          // PostgreSQL is still away; the lease is longer than all of these tries
        }
      }
      throw error
    }
  }

  const claimAll = async () => {
    do {
      again = false
      const slots = concurrency - held.size
      if (!open || slots <= 0) return
      const claimedAt = performance.now()
      const tasks = await claimOnce(slots)
      if (tasks.length === 0) continue
      let found: Map<string, Target>
      try {
        found = await targets.of(tasks)
      } catch (error) {
        await settler.handBack(tasks, 'the worker could not read the flow')
        throw error
      }
      for (const task of tasks) {
        const entry: Held = { task, phase: 'claimed', abort: new AbortController(), leaseEndsAt: claimedAt + leaseMs }
        held.set(task.id, entry)
        void run(entry, found.get(task.id))
      }
    } while (again)
  }

  /** Claims when there is room; called on every hint, it costs nothing when there is none. */
  const pump = () => {
    if (!open || held.size >= concurrency) return
    if (claiming) {
      again = true
      return
    }
    claiming = claimAll()
      .catch((error: unknown) => logger.debug({ err: error }, 'claim failed')) // told by `troubles`, or by what failed
      .finally(() => {
        claiming = null
        if (again) pump()
      })
  }

  return {
    pump,
    held: (): readonly Held[] => [...held.values()],
    count: () => held.size,
    /** Stops a task in hand: the call is aborted. */
    stop(task_id: string, why: 'cancelled' | 'gone') {
      held.get(task_id)?.abort.abort(new Stopped(why))
    },
    /** Takes over calls of workers that are gone, to ask what became of them. What is in hand already is not taken again. */
    async adopt(tasks: LostCall[]) {
      const fresh = open ? tasks.filter((task) => !held.has(task.id)) : []
      if (fresh.length === 0) return
      const found = await targets.of(fresh)
      for (const { left_ms, ...task } of fresh) {
        const target = found.get(task.id)
        if (!target || held.has(task.id)) continue // what it calls has just been deleted, and so is it
        const entry: Held = {
          task,
          phase: 'asking',
          abort: new AbortController(),
          leaseEndsAt: performance.now() + leaseMs,
        }
        held.set(task.id, entry)
        void runAsked(entry, target, left_ms).catch((error: unknown) =>
          logger.error({ task_id: task.id, err: error }, 'asking threw'),
        )
      }
    },
    /** Claims nothing more. What is in hand goes on. */
    async close() {
      open = false
      await claiming
    },
  }
}
export type Runner = ReturnType<typeof makeRunner>
