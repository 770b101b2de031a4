import { WORKER_STALE_SECONDS } from '@automagik-spark/core'
import type { Client } from './prisma.ts'
import type { PageArgs, RowPage, WorkerRow } from './rows.ts'
import type { Sql, SqlPool } from './sql.ts'

export const makeWorkers = (prisma: Client, sql: SqlPool) => ({
  async list({ limit, offset, after }: PageArgs): Promise<RowPage<WorkerRow>> {
    const [rows, total] = await Promise.all([
      prisma.worker.findMany({
        ...(after && { where: { id: { lt: after } } }),
        orderBy: { id: 'desc' },
        take: limit + 1,
        skip: after ? 0 : offset,
      }),
      prisma.worker.count(),
    ])
    return { rows: rows.slice(0, limit) as WorkerRow[], total, has_more: rows.length > limit } // status: written by us alone
  },

  /** How many workers had a heartbeat within the last 30 s, what they cannot do and why, and PostgreSQL's time. */
  async readLiveness({ limitMs }: { limitMs: number }): Promise<{ alive: number; troubles: string[]; now: Date }> {
    const { rows } = await sql.query<{ alive: number; troubles: string[]; now: Date }>(
      `SELECT count(*)::int AS alive, coalesce(array_agg(DISTINCT trouble) FILTER (WHERE trouble IS NOT NULL), '{}') AS troubles, spark_now() AS now
       FROM workers WHERE status = 'active' AND last_heartbeat > spark_now() - interval '${WORKER_STALE_SECONDS} seconds'`,
      [],
      { limitMs },
    )
    return rows[0]!
  },

  /** Tries whether PostgreSQL has room for some pages, which it drops at once; throws what a write would throw. */
  async tryToStore({ limitMs }: { limitMs: number }): Promise<void> {
    await sql.transaction(async (tx) => {
      await tx.query(
        `CREATE TEMP TABLE spark_room ON COMMIT DROP AS SELECT gen_random_uuid() AS id FROM generate_series(1, 5000)`,
        undefined,
        { limitMs },
      )
    })
  },

  /** Deletes the rows of workers without a heartbeat for a day. */
  async prune(): Promise<void> {
    await sql.query(`DELETE FROM workers WHERE last_heartbeat < spark_now() - interval '1 day'`)
  },
})

/** Writes a worker's heartbeat; returns PostgreSQL's time. */
export const writeHeartbeat = async (sql: Sql, row: Omit<WorkerRow, 'started_at' | 'last_heartbeat'>): Promise<Date> =>
  (
    await sql.query<{ now: Date }>(
      `INSERT INTO workers (id, hostname, pid, status, current_tasks, concurrency, version, trouble, started_at, last_heartbeat)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, spark_now(), spark_now())
       ON CONFLICT (id) DO UPDATE SET status = excluded.status, current_tasks = excluded.current_tasks, last_heartbeat = excluded.last_heartbeat, trouble = excluded.trouble
       RETURNING last_heartbeat AS now`,
      [row.id, row.hostname, row.pid, row.status, row.current_tasks, row.concurrency, row.version, row.trouble],
    )
  ).rows[0]!.now
