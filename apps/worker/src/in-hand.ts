import type { ClaimedTask } from '@automagik-spark/db'

/** A task that this worker has claimed, or whose lost call it has taken over. */
export type InHand = {
  task: ClaimedTask
  /** As in the task's row. `calling`: the request may be on its way. `asking`: it is lost, and its outcome is recovered from its server. */
  phase: 'claimed' | 'calling' | 'asking'
  abort: AbortController
  /** By the monotonic clock. After it nothing new is sent. */
  leaseEndsAt: number
}

/** Why we aborted a call. `gone`: nothing is to be written, since the task was deleted or the worker gives it up. */
export class Stopped extends Error {
  readonly why: 'cancelled' | 'gone'

  constructor(why: 'cancelled' | 'gone') {
    super(`the call was stopped: ${why}`)
    this.name = 'Stopped'
    this.why = why
  }
}
