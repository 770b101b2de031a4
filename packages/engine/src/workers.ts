import type { Clock, Page, PageQuery, Worker } from '@automagik-spark/core'
import { SECOND, WORKER_STALE_SECONDS } from '@automagik-spark/core'
import type { Db, WorkerRow } from '@automagik-spark/db'
import { pageArgs, toPage } from './page.ts'

export const makeWorkers = ({ db, clock }: { db: Db; clock: Clock }) => ({
  async list(query: PageQuery): Promise<Page<Worker>> {
    const staleBefore = clock.now().getTime() - WORKER_STALE_SECONDS * SECOND
    const toWorker = (row: WorkerRow): Worker => ({
      ...row,
      status: row.status !== 'stopped' && row.last_heartbeat.getTime() < staleBefore ? 'stale' : row.status,
    })
    return toPage(await db.workers.list(pageArgs(query)), query, toWorker, (row) => row.id)
  },
})
