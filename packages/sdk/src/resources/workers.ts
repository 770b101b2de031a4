import type { Worker, WorkersListQuery } from '../contract-types.ts'
import { makeList } from '../page.ts'
import type { RequestOptions, Send } from '../request.ts'

export const makeWorkers = (send: Send) => ({
  list: (query?: WorkersListQuery, options?: RequestOptions) => makeList<Worker>(send, ['workers'], query, options),
})
