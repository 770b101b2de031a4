export const TASK_STATUSES = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const
type Status = (typeof TASK_STATUSES)[number]

/** The only ways from one status to another; a trigger in PostgreSQL holds the same table. Back to pending leads out of an end only a retry by hand. */
export const TASK_EDGES: Record<Status, readonly Status[]> = {
  pending: ['running', 'cancelled', 'failed'], // failed only while its source is held: what was asked for by hand, and what may not be so late
  running: ['pending', 'completed', 'failed', 'cancelled'],
  completed: [],
  failed: ['completed', 'pending'], // completed only out of `outcome_unknown`, by the attempt that still holds the token
  cancelled: ['pending'],
}

export const isFinished = (status: Status): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled'
