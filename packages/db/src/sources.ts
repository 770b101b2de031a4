import { notifySql } from './notify.ts'
import type { Client } from './prisma.ts'
import { isDuplicate, json } from './prisma.ts'
import { READY_AGAIN, RESUMED, SUSPENDED } from './queue/circuit-breaker.ts'
import { CANCELLED } from './queue/settle.ts'
import type { PageArgs, RowPage, SourceRow } from './rows.ts'
import type { Sql, SqlPool } from './sql.ts'

const omit = {
  deleted_at: true,
  breaker_until: true,
  breaker_opens: true,
  breaker_counted: true,
  check_at: true,
  check_failures: true,
  suspect_at: true,
  check_began_at: true,
  checking_until: true,
  ramp_from: true,
} as const
// Prisma has unions as text; the columns' CHECKs permit only their words.
const asRow = (row: unknown) => row as SourceRow

export type SourceChange = Partial<
  Pick<SourceRow, 'name' | 'source_type' | 'url' | 'api_key' | 'status' | 'max_concurrency' | 'updated_at'>
> & { seen?: SourceRow['version_info'] }

/** The versions that a caller permits a write to change (`If-Match`); null: any. */
export type Versions = readonly number[] | null
const hasVersion = (versions: Versions, parameter: number): string =>
  versions ? ` AND version = ANY ($${parameter}::int[])` : ''

export const makeSources = (prisma: Client, sql: SqlPool) => ({
  /** Null: another source has this URL. */
  async insert(row: Omit<SourceRow, 'version'>): Promise<SourceRow | null> {
    try {
      return asRow(await prisma.source.create({ data: { ...row, version_info: json(row.version_info) }, omit }))
    } catch (error) {
      if (isDuplicate(error)) return null
      throw error
    }
  },

  /**
   * Makes a source of a discovered server. An address is discovered once, also when two processes start at the same time. Null: it was discovered
   * before, or another source has this URL.
   */
  async insertDiscovered(row: Omit<SourceRow, 'version'>): Promise<SourceRow | null> {
    try {
      return await prisma.$transaction(async (tx) => {
        await tx.discovery.create({ data: { url: row.url, found_at: row.created_at } })
        return asRow(await tx.source.create({ data: { ...row, version_info: json(row.version_info) }, omit }))
      })
    } catch (error) {
      if (isDuplicate(error)) return null
      throw error
    }
  },

  /** URLs that discovery leaves alone: those it found before, and those of present and deleted sources. */
  async knownUrls(): Promise<string[]> {
    const { rows } = await sql.query<{ url: string }>(`SELECT url FROM discoveries UNION SELECT url FROM sources`, [])
    return rows.map(({ url }) => url)
  },

  async find(id: string): Promise<SourceRow | null> {
    const row = await prisma.source.findFirst({ where: { id, deleted_at: null }, omit })
    return row && asRow(row)
  },

  async findByUrl(url: string): Promise<SourceRow | null> {
    const row = await prisma.source.findFirst({ where: { url, deleted_at: null }, omit })
    return row && asRow(row)
  },

  async all(status?: SourceRow['status']): Promise<SourceRow[]> {
    return (
      await prisma.source.findMany({
        where: { deleted_at: null, ...(status && { status }) },
        orderBy: { id: 'asc' },
        omit,
      })
    ).map(asRow)
  },

  async list({
    limit,
    offset,
    after,
    status,
  }: PageArgs & { status?: SourceRow['status'] | undefined }): Promise<RowPage<SourceRow>> {
    const where = { deleted_at: null, ...(status && { status }) }
    const [rows, total] = await Promise.all([
      prisma.source.findMany({
        where: after ? { ...where, id: { lt: after } } : where,
        orderBy: { id: 'desc' },
        take: limit + 1,
        skip: after ? 0 : offset,
        omit,
      }),
      prisma.source.count({ where }),
    ])
    return { rows: rows.slice(0, limit).map(asRow), total, has_more: rows.length > limit }
  },

  /**
   * Writes what a user changed, all or nothing, together with the version that its server has just answered (`seen`). `due`: the source was resumed, so
   * its waiting schedules are due now. `'duplicate'`: another source has the new URL. Null: there is no such source, or it has none of `versions`.
   */
  async update(
    id: string,
    { status, seen, ...change }: SourceChange,
    versions: Versions = null,
  ): Promise<{ due: boolean } | null | 'duplicate'> {
    try {
      return await sql.transaction(async (tx) => {
        const sets = Object.keys(change).map((column, i) => `${column} = $${i + 2}, `)
        const { rowCount } = await tx.query(
          `UPDATE sources SET ${sets.join('')}version = version + 1 WHERE id = $1 AND deleted_at IS NULL${hasVersion(versions, sets.length + 2)}`,
          [id, ...Object.values(change), ...(versions ? [versions] : [])],
        )
        if (rowCount === 0) return null
        const resumed = seen !== undefined && (await seenUp(tx, id, seen))?.resumed === true
        const switched = status !== undefined && (await switchTo(tx, id, status))
        return { due: resumed || (switched && status === 'active') }
      })
    } catch (error) {
      if (isDuplicate(error)) return 'duplicate'
      throw error
    }
  },

  /** A user's validation was answered as it should. `resumed`: the source was suspended until now. Null: there is no such source. */
  seenUp: (id: string, version_info: SourceRow['version_info']): Promise<{ resumed: boolean } | null> =>
    seenUp(sql, id, version_info),

  /** A user's validation was not answered as it should. That shows in `health`, but does not suspend the source: only health checks do. */
  async seenDown(id: string, reason: string): Promise<void> {
    await sql.query(
      `UPDATE sources SET health = 'down', health_reason = $2, checked_at = spark_now() WHERE id = $1 AND deleted_at IS NULL`,
      [id, reason],
    )
  },

  /**
   * Hides the source with its workflows, cancels its pending tasks and asks the running ones to stop, in one transaction. False: there is no such
   * source, or it has none of `versions`.
   */
  async hide(id: string, versions: Versions = null): Promise<boolean> {
    return sql.transaction(async (tx) => {
      const { rowCount } = await tx.query(
        `WITH gone AS (UPDATE sources SET deleted_at = spark_now() WHERE id = $1 AND deleted_at IS NULL${hasVersion(versions, 2)} RETURNING url)
         INSERT INTO discoveries (url, found_at) SELECT url, spark_now() FROM gone ON CONFLICT (url) DO UPDATE SET url = excluded.url`,
        [id, ...(versions ? [versions] : [])],
      )
      if (rowCount === 0) return false
      await tx.query(`UPDATE workflows SET deleted_at = spark_now() WHERE source_id = $1 AND deleted_at IS NULL`, [id])
      await stopTasks(tx, 'source_id', id)
      return true
    })
  },
})

/**
 * Sets a source active or inactive. While inactive it is suspended, so that its due times wait and the ledger can say why. Its failed health checks
 * are counted from 0 again. True: its status changed.
 */
const switchTo = async (sql: Sql, id: string, status: SourceRow['status']): Promise<boolean> => {
  const { rowCount } = await sql.query(
    `WITH u AS (
       UPDATE sources s SET status = $2, version = version + 1, updated_at = spark_now(),
         check_at = NULL, check_failures = 0, suspect_at = NULL, checking_until = NULL, ramp_from = NULL,
         hold_from = CASE WHEN $2 = 'inactive' AND NOT ${SUSPENDED('s')} THEN spark_now() ELSE hold_from END,
         hold_until = CASE WHEN $2 = 'inactive' THEN NULL ELSE spark_now() END
       WHERE id = $1 AND deleted_at IS NULL AND status <> $2 RETURNING id, $2 = 'active' AS turned
     ), t AS (${READY_AGAIN})
     SELECT id FROM u`,
    [id, status],
  )
  return rowCount === 1
}

const seenUp = async (
  sql: Sql,
  id: string,
  version_info: SourceRow['version_info'],
): Promise<{ resumed: boolean } | null> => {
  const { rows } = await sql.query<{ resumed: boolean }>(
    `WITH x AS (SELECT id, ${SUSPENDED('s')} AND status = 'active' AS suspended FROM sources s WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE),
       u AS (UPDATE sources s SET version_info = $2::jsonb, suspect_at = NULL, ${RESUMED} FROM x WHERE s.id = x.id RETURNING s.id, x.suspended AS turned),
       t AS (${READY_AGAIN})
     SELECT turned AS resumed FROM u`,
    [id, JSON.stringify(version_info)],
  )
  return rows[0] ?? null
}

/** Cancels the pending tasks of a deleted source or workflow, and asks the running ones to stop. */
export const stopTasks = async (
  tx: Pick<SqlPool, 'query'>,
  column: 'source_id' | 'workflow_id',
  id: string,
): Promise<void> => {
  await tx.query(`UPDATE tasks SET ${CANCELLED} WHERE ${column} = $1 AND status = 'pending'`, [id])
  await tx.query(
    `WITH r AS (UPDATE tasks SET cancel_requested_at = spark_now() WHERE ${column} = $1 AND status = 'running' AND cancel_requested_at IS NULL RETURNING id)
     SELECT ${notifySql('spark_cancel', 'id::text')} FROM r`,
    [id],
  )
}
