import type { OccurrenceRow, PageArgs, RowPage } from './rows.ts'
import type { SqlPool } from './sql.ts'

export const makeOccurrences = (sql: SqlPool) => ({
  /** The ledger of a schedule, newest first. `after` is a `scheduled_for`. */
  async list(schedule_id: string, { limit, offset, after }: PageArgs): Promise<RowPage<OccurrenceRow>> {
    const {
      rows: [count],
    } = await sql.query<{ total: number }>(`SELECT count(*)::int AS total FROM occurrences WHERE schedule_id = $1`, [
      schedule_id,
    ])
    const { rows } = await sql.query<OccurrenceRow>(
      `SELECT scheduled_for, until, decided_at, decision, reason, count, count_at_least, task_id FROM occurrences
       WHERE schedule_id = $1 AND ($2::timestamptz IS NULL OR scheduled_for < $2) ORDER BY scheduled_for DESC LIMIT $3 OFFSET $4`,
      [schedule_id, after, limit + 1, after ? 0 : offset],
    )
    return { rows: rows.slice(0, limit), total: count?.total ?? 0, has_more: rows.length > limit }
  },
})
