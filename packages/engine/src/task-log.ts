import type { TaskEvent } from '@automagik-spark/core'
import type { TaskEventRow, TaskRow } from '@automagik-spark/db'

const isKept = (event: TaskEventRow): event is TaskEvent => event.message !== '' // types are written by us alone

/** What happened to a task, oldest first: from its own columns and from its stored events. */
export const taskLog = (task: TaskRow, kept: TaskEventRow[]): TaskEvent[] => {
  const events: TaskEvent[] = [
    { at: task.created_at, type: 'created', message: createdBecause(task), try: 0 },
    ...kept.filter(isKept),
  ]
  if (task.started_at)
    events.push({
      at: task.started_at,
      type: 'attempt_started',
      message: `attempt ${task.tries} started`,
      try: task.tries,
    })
  if (task.cancel_requested_at)
    events.push({
      at: task.cancel_requested_at,
      type: 'cancel_requested',
      message: 'a cancel was requested',
      try: task.tries,
    })
  if (task.finished_at) {
    if (task.status === 'completed')
      events.push({ at: task.finished_at, type: 'completed', message: 'the flow answered', try: task.tries })
    if (task.status === 'failed')
      events.push({ at: task.finished_at, type: 'failed', message: task.error ?? 'failed', try: task.tries })
    if (task.status === 'cancelled')
      events.push({ at: task.finished_at, type: 'cancelled', message: cancelledHow(task, kept), try: task.tries })
  }
  // The sort is stable: events of one millisecond stay in the order above.
  return events.sort((a, b) => a.at.getTime() - b.at.getTime())
}

const createdBecause = ({ trigger, schedule_id, scheduled_for, replay_of }: TaskRow): string => {
  if (trigger === 'replay') return `created by hand, to replay task ${replay_of ?? 'that is gone'}`
  if (trigger === 'backfill')
    return `created by a backfill of its schedule for ${scheduled_for?.toISOString() ?? 'a due time'}`
  if (trigger === 'schedule') return `created by its schedule for ${scheduled_for?.toISOString() ?? 'a due time'}`
  return schedule_id ? 'created by hand from its schedule' : 'created by hand'
}

const cancelledHow = ({ started_at, tries }: TaskRow, kept: TaskEventRow[]): string => {
  if (tries > 0 && kept.some((event) => event.type === 'attempt_failed' && event.try === tries))
    return 'cancelled before it was tried again'
  return started_at ? 'the call was aborted; the flow server may go on with it' : 'cancelled before it started'
}
