import type { Sql } from '../sql.ts'
import type { SourceWork } from './circuit-breaker.ts'
import { SEEN_UP, SOMETHING_WAITS } from './circuit-breaker.ts'
import { CHECKS_DUE } from './health-check.ts'
import { DUE } from './ledger.ts'

/** What a worker has to do at this moment. */
export type ToDo = SourceWork & {
  /** A task can be claimed. */
  tasks: boolean
  /** Schedules are due. */
  schedules: boolean
  /** A lease is over. */
  leases: boolean
  /** A health check is due. */
  checks: boolean
  /** Rows of a deleted source or workflow are left. */
  deleted: boolean
}

/**
 * All that may have to be done, in one statement: each worker runs it once a second, and mostly there is nothing. Each ORDER BY makes the planner walk
 * the index of due times or of ready tasks; without it, it would walk all schedules of a workflow.
 * @param checkEveryMs between two checks of a source
 */
export const findToDo = async (sql: Sql, checkEveryMs: number): Promise<ToDo> =>
  (
    await sql.query<ToDo>(
      `SELECT
         EXISTS (SELECT FROM sources s
           WHERE s.deleted_at IS NULL AND spark_takes_calls(s)
             AND (SELECT true FROM tasks t WHERE t.source_id = s.id AND t.status = 'pending' AND t.ready_at <= spark_now() ORDER BY t.priority, t.ready_at LIMIT 1)) AS tasks,
         (SELECT true FROM ${DUE} ORDER BY s.next_run_at LIMIT 1) IS NOT NULL AS schedules,
         EXISTS (SELECT FROM tasks WHERE status = 'running' AND lease_until < spark_now()) AS leases,
         ${SEEN_UP} AS seen_up, ${SOMETHING_WAITS} AS waiting, ${CHECKS_DUE('$1')} AS checks,
         EXISTS (SELECT FROM workflows WHERE deleted_at IS NOT NULL) OR EXISTS (SELECT FROM sources WHERE deleted_at IS NOT NULL) AS deleted`,
      [checkEveryMs],
    )
  ).rows[0]!
