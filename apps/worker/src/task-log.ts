import type { Settlement, Sql } from '@automagik-spark/db'
import { addEvent } from '@automagik-spark/db'
import type { Logger } from '@automagik-spark/engine'

/** Writes into the logs of tasks. It never throws: a line that is lost costs no run. */
export const makeTaskLog = ({ sql, logger }: { sql: Sql; logger: Logger }) => ({
  async note({ id, tries }: { id: string; tries: number }, message: string): Promise<void> {
    await addEvent(sql, { task_id: id, type: 'note', message, try: tries }).catch((error: unknown) =>
      logger.warn({ task_id: id, err: error }, "a note could not be written to a task's log"),
    )
  },

  /** An attempt ended after its token was no longer its task's. Only the log keeps its end. */
  async lateAnswer({ id, status, error }: Settlement, attempt: number): Promise<void> {
    logger.warn({ task_id: id, status }, 'late answer kept in the log only')
    const message = `this attempt ended ${status}${error ? `: ${error}` : ''}, after its task had been decided otherwise; nothing was changed`
    await addEvent(sql, { task_id: id, type: 'late_answer', message, try: attempt }).catch((failure: unknown) =>
      logger.warn({ task_id: id, err: failure }, 'late answer lost'),
    )
  },
})
export type TaskLog = ReturnType<typeof makeTaskLog>
