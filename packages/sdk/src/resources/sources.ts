import type { CreateSource, Source, SourceDeleted, SourcesListQuery, UpdateSource } from '../contract-types.ts'
import { makeList } from '../page.ts'
import { type ChangeOptions, dataOf, type RequestOptions, type Send } from '../request.ts'

export const makeSources = (send: Send) => ({
  /**
   * Connects a flow server. The server is validated first; when that fails the call is a `BadRequestError` and nothing is stored.
   *
   * @example
   * await spark.sources.create({ url: 'http://localhost:7860', api_key: 'sk-…' })
   */
  create: (source: CreateSource, options?: RequestOptions) =>
    dataOf(send<Source>({ method: 'post', path: ['sources'], body: source, ...options })),
  /** The connected flow servers. */
  list: (query?: SourcesListQuery, options?: RequestOptions) => makeList<Source>(send, ['sources'], query, options),
  get: (id: string, options?: RequestOptions) =>
    dataOf(send<Source>({ method: 'get', path: ['sources', id], ...options })),
  /** Changes the given fields; a new URL, key or type is validated first. */
  update: (id: string, changes: UpdateSource, options?: ChangeOptions) =>
    dataOf(send<Source>({ method: 'patch', path: ['sources', id], body: changes, ...options })),
  /** Does the same as `update`, but with PUT, which the SDK retries after a lost connection. */
  replace: (id: string, changes: UpdateSource, options?: ChangeOptions) =>
    dataOf(send<Source>({ method: 'put', path: ['sources', id], body: changes, ...options })),
  /** Validates the server again and updates `health` and `version_info`. */
  validate: (id: string, options?: RequestOptions) =>
    dataOf(send<Source>({ method: 'post', path: ['sources', id, 'validate'], ...options })),
  /** Also deletes its workflows, schedules and tasks. */
  delete: (id: string, options?: ChangeOptions) =>
    dataOf(send<SourceDeleted>({ method: 'delete', path: ['sources', id], ...options })),
})
