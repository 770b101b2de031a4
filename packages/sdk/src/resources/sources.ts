import type { CreateSource, Source, SourceDeleted, SourcesListQuery, UpdateSource } from '../contract-types.ts'
import { makeList } from '../page.ts'
import { dataOf, type RequestOptions, type Send } from '../request.ts'

export const makeSources = (send: Send) => ({
  /** Connects a flow server; it is asked first, and nothing is stored when it does not answer as it should. */
  create: (source: CreateSource, options?: RequestOptions) =>
    dataOf(send<Source>({ method: 'post', path: ['sources'], body: source, ...options })),
  list: (query?: SourcesListQuery, options?: RequestOptions) => makeList<Source>(send, ['sources'], query, options),
  get: (id: string, options?: RequestOptions) =>
    dataOf(send<Source>({ method: 'get', path: ['sources', id], ...options })),
  /** Changes what is given. */
  update: (id: string, changes: UpdateSource, options?: RequestOptions) =>
    dataOf(send<Source>({ method: 'patch', path: ['sources', id], body: changes, ...options })),
  /** The same by PUT, which is safe to repeat and so is tried again after a lost connection. */
  replace: (id: string, changes: UpdateSource, options?: RequestOptions) =>
    dataOf(send<Source>({ method: 'put', path: ['sources', id], body: changes, ...options })),
  /** Asks the server again and updates `health` and `version_info`. */
  validate: (id: string, options?: RequestOptions) =>
    dataOf(send<Source>({ method: 'post', path: ['sources', id, 'validate'], ...options })),
  /** Its workflows, schedules and tasks are gone with it. */
  delete: (id: string, options?: RequestOptions) =>
    dataOf(send<SourceDeleted>({ method: 'delete', path: ['sources', id], ...options })),
})
