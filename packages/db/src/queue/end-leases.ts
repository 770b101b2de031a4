import type { Sql } from '../sql.ts'

/** Ends the leases of tasks that this worker gives up, so that another takes them over at once. Those that it no longer holds stay. */
export const endLeases = async (sql: Sql, worker_id: string, task_ids: string[]): Promise<void> => {
  await sql.query(
    `UPDATE tasks SET lease_until = spark_now() WHERE id = ANY ($1::uuid[]) AND worker_id = $2 AND status = 'running'`,
    [task_ids, worker_id],
  )
}

/** Which of these tasks were not deleted. */
export const existingTasks = async (sql: Sql, task_ids: string[]): Promise<Set<string>> => {
  const { rows } = await sql.query<{ id: string }>(`SELECT id FROM tasks WHERE id = ANY ($1::uuid[])`, [task_ids])
  return new Set(rows.map((row) => row.id))
}
