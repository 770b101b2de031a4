import type { Schedule, Source } from './contract-types.ts'

/** The ETags of answers. They are not fields: a caller who copies or stores an answer has nothing of ours in it. */
const etags = new WeakMap<object, string>()

export const rememberEtag = (data: unknown, etag: string | null): void => {
  if (etag !== null && typeof data === 'object' && data !== null) etags.set(data, etag)
}

/**
 * The ETag of a source or schedule, for `ifMatch`. It belongs to the very object that a call returned, not to copies or items of a list; without
 * one this throws, since a change without `ifMatch` could overwrite that of somebody else.
 *
 * @example
 * const schedule = await spark.schedules.get(id)
 * await spark.schedules.update(id, { name: 'New' }, { ifMatch: etagOf(schedule) })
 */
export const etagOf = (value: Source | Schedule): string => {
  const etag = etags.get(value)
  if (etag === undefined)
    throw new TypeError('this object has no ETag: give the very object that a call for one source or schedule returned')
  return etag
}
