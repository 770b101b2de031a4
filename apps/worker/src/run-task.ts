import type { Doubt } from '@automagik-spark/adapters'
import { SourceError } from '@automagik-spark/core'
import type { ClaimedTask, Sql } from '@automagik-spark/db'
import { markCalling, markRecovering, settlementOf } from '@automagik-spark/db'
import type { Logger } from '@automagik-spark/engine'
import { makeBatcher } from '@automagik-spark/engine'
import type { Attempt, AttemptEnd } from './attempt.ts'
import { makeEnds } from './attempt.ts'
import type { ConfirmNotFound } from './confirm-not-found.ts'
import type { FlowFindings } from './flow-findings.ts'
import type { InHand } from './in-hand.ts'
import { Stopped } from './in-hand.ts'
import type { Prepare, Prepared } from './prepare.ts'
import type { Recover } from './recover.ts'
import type { Settler } from './settle.ts'
import type { Target, Targets } from './targets.ts'
import type { TaskLog } from './task-log.ts'
import type { Troubles } from './troubles.ts'
import type { HandleUnsent } from './unsent.ts'

type Deps = {
  /** A connection of its own for intents: before a call nobody waits for answers that are being written. */
  sql: Sql
  prepare: Prepare
  attempt: Attempt
  recover: Recover
  confirmNotFound: ConfirmNotFound
  handleUnsent: HandleUnsent
  settler: Settler
  targets: Pick<Targets, 'setStreamsOnly'>
  flowFindings: FlowFindings
  taskLog: TaskLog
  troubles: Troubles
  logger: Logger
  random: () => number
}

/** Tasks whose intents one statement writes. */
const INTENT_BATCH = 500

/** One attempt at a task, from the claim to the end: prepare, write the intent, call, recover a lost outcome, settle. It never throws. */
export const makeRunTask = (deps: Deps) => {
  const { sql, prepare, attempt, recover, confirmNotFound, handleUnsent, settler, targets, flowFindings } = deps
  const { taskLog, troubles, logger, random } = deps

  const intend = makeBatcher<ClaimedTask, boolean>({
    max: INTENT_BATCH,
    run: async (tasks) => {
      const ours = await troubles.during('starting runs', () => markCalling(sql, tasks))
      return tasks.map((task) => ours.has(`${task.id}:${task.token}`))
    },
  })

  const finish = async (task: ClaimedTask, { settlement, notes }: AttemptEnd): Promise<void> => {
    for (const note of notes) await taskLog.note(task, note)
    if (!settlement) return
    const written = await settler.settle(settlement, task.tries)
    const { status, error_code, retry_in_ms } = settlement
    if (error_code === 'flow_not_found') flowFindings.gone(task.workflow_id)
    if (retry_in_ms === null) logger.info({ task_id: task.id, status, error_code, written }, 'task finished')
    else
      logger.info(
        { task_id: task.id, error_code, retry_in_ms, try: task.tries, written },
        'attempt failed and will be repeated',
      )
  }

  /** For a task whose intent was refused, or that was stopped with no call out: it was cancelled, or is no longer ours. */
  const finishStopped = async ({ task, abort }: InHand): Promise<void> => {
    const { aborted, reason } = abort.signal as { aborted: boolean; reason: unknown } // typed any
    if (aborted && reason instanceof Stopped && reason.why === 'gone') return
    await settler.settle(settlementOf(task, { status: 'cancelled' }), task.tries)
  }

  /** Refused before anything was sent. */
  const finishRefused = async (entry: InHand, target: Target, refusal: SourceError, notes: string[]): Promise<void> => {
    const known = refusal.error_code === 'flow_not_found' ? await confirmNotFound(refusal, target) : refusal
    if (known.failure === 'not_sent' && !(await handleUnsent(entry, known))) return
    await finish(entry.task, { ...makeEnds(entry.task, random).failed(known), notes })
  }

  const prepared = async (entry: InHand, preparing: Promise<Prepared>): Promise<Prepared | 'stopped'> => {
    try {
      return await preparing
    } catch (error) {
      if (entry.abort.signal.aborted) return 'stopped'
      throw error
    }
  }

  /** The answer gives reason to doubt the copy: a flow that was changed may have run without its input. */
  const endInDoubt = async (
    { task, abort }: InHand,
    target: Target,
    end: AttemptEnd,
    doubt: Doubt,
  ): Promise<AttemptEnd> => {
    const { notes: more, lost } = await prepare.after(task, target, abort.signal, doubt)
    const notes = [...end.notes, ...more]
    return lost ? { ...makeEnds(task, random).failed(lost), notes } : { ...end, notes }
  }

  const recoverOwn = async (entry: InHand, target: Target, lost: SourceError, untilMs: number): Promise<AttemptEnd> => {
    entry.phase = 'asking'
    // Only for others to see. A worker that dies now is taken over as one that died during the call.
    await markRecovering(sql, entry.task).catch((error: unknown) =>
      logger.warn({ task_id: entry.task.id, err: error }, 'it could not be written that an outcome is being recovered'),
    )
    return recover(entry.task, target, entry.abort.signal, { lost, untilMs })
  }

  const call = async (entry: InHand, stored: Target, ready: Prepared | null, untilMs: number): Promise<void> => {
    const { task, abort } = entry
    const target = ready?.target ?? stored
    entry.phase = 'calling'
    const timeoutMs = ready ? Math.max(1, Math.round(untilMs - performance.now())) : undefined
    let end = await attempt(task, target, abort.signal, timeoutMs)
    if (ready) end.notes = [...ready.notes, ...end.notes]
    // A flow that was read for this run is known as it is.
    if (end.doubt && (end.doubt.is_elsewhere || !ready)) end = await endInDoubt(entry, target, end, end.doubt)
    if (end.streams_only !== null && end.streams_only !== target.flow.streams_only) {
      targets.setStreamsOnly(stored.flow, end.streams_only)
      flowFindings.streamsOnly(task.workflow_id, target.flow.flow_version, end.streams_only)
    }
    if (end.unsent && !(await handleUnsent(entry, end.unsent))) return
    await finish(task, end.lost ? await recoverOwn(entry, target, end.lost, untilMs) : end)
  }

  const prepareAndCall = async (entry: InHand, stored: Target): Promise<void> => {
    const { task, abort } = entry
    const untilMs = performance.now() + task.timeout * 1000
    const preparing = prepare.before(task, stored, abort.signal)
    const ready = preparing && (await prepared(entry, preparing))
    if (ready === 'stopped') return finishStopped(entry)
    if (ready?.refusal) return finishRefused(entry, stored, ready.refusal, ready.notes)
    if (!(await intend(task))) return finishStopped(entry)
    // No await from here to the call: the intent is written, and the lease is checked once more.
    if (abort.signal.aborted) return finishStopped(entry)
    if (performance.now() >= entry.leaseEndsAt)
      return settler.release([task], 'the lease ended before the call was sent')
    return call(entry, stored, ready, untilMs)
  }

  return {
    /** @param target undefined: its workflow or source has just been deleted, and the task with it */
    async run(entry: InHand, target: Target | undefined): Promise<void> {
      if (!target) return
      try {
        await prepareAndCall(entry, target)
      } catch (error) {
        if (error instanceof Stopped) return finishStopped(entry)
        // The intent could not be written, so nothing was sent: the task is released, or its lease runs out.
        logger.warn({ task_id: entry.task.id, err: error }, 'task could not be started')
        await settler.release([entry.task], 'the worker could not reach PostgreSQL before the call')
      }
    },

    /** Recovers the outcome of a call whose worker is dead. @param leftMs until the timeout of the run */
    async recoverOrphan({ task, abort }: InHand, target: Target, leftMs: number): Promise<void> {
      const lost = new SourceError('outcome_unknown', 'unknown', 'The worker was stopped or died during the call.')
      await finish(task, await recover(task, target, abort.signal, { lost, untilMs: performance.now() + leftMs }))
    },
  }
}
export type RunTask = ReturnType<typeof makeRunTask>
