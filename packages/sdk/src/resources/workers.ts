import type { Worker, WorkersListQuery } from '../contract-types.ts'
import { makeList } from '../page.ts'
import type { RequestOptions, Send } from '../request.ts'

export const makeWorkers = (send: Send) => ({
  /** The worker processes; `stale` means no heartbeat for 30 seconds. */
  list: (query?: WorkersListQuery, options?: RequestOptions) => makeList<Worker>(send, ['workers'], query, options),
})
