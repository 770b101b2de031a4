export const TASK_STATUSES = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const
type Status = (typeof TASK_STATUSES)[number]

/** The allowed changes of status; a trigger in PostgreSQL enforces the same table. Only a retry by hand makes a finished task pending again. */
export const TASK_EDGES: Record<Status, readonly Status[]> = {
  pending: ['running', 'cancelled', 'failed'], // failed only while its source is suspended: a manual run, or one older than its catchup_window
  running: ['pending', 'completed', 'failed', 'cancelled'],
  completed: [],
  failed: ['completed', 'pending'], // completed only after `outcome_unknown`, by the attempt that still has the token
  cancelled: ['pending'],
}

export const isFinished = (status: Status): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled'
