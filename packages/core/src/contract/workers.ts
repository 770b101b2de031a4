import { z } from 'zod'
import { page, pageOf, Timestamp, Uuid } from './common.ts'
import { endpoint } from './endpoint.ts'

const WORKER_STATUSES = ['active', 'draining', 'stale', 'stopped'] as const
/** A worker whose last heartbeat is older is shown as stale. */
export const WORKER_STALE_SECONDS = 30

export const Worker = z
  .object({
    id: Uuid,
    hostname: z.string(),
    pid: z.int(),
    status: z.enum(WORKER_STATUSES).describe(`stale: no heartbeat for ${WORKER_STALE_SECONDS} s`),
    current_tasks: z.int(),
    concurrency: z.int(),
    version: z.string(),
    trouble: z.string().nullable().describe('What it cannot do in PostgreSQL, and why'),
    started_at: Timestamp,
    last_heartbeat: Timestamp,
  })
  .meta({ id: 'Worker' })
export type Worker = z.output<typeof Worker>

export const listWorkers = endpoint({
  tag: 'Workers',
  id: 'workers_list',
  method: 'get',
  path: '/workers',
  summary: 'List the workers, newest first',
  query: z.strictObject({ ...page }),
  status: 200,
  response: pageOf(Worker, 'WorkerPage'),
})
