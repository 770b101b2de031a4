import { invalid } from '@automagik-spark/core'
import type { Versioned, Versions } from '@automagik-spark/engine'
import type { Call } from './handle.ts'
import { reply } from './handle.ts'

export const etagOf = (version: number): string => `"${version}"`

export const withEtag = <T>(value: Versioned<T>, headers: Record<string, string> = {}) =>
  reply(value, { headers: { ...headers, ETag: etagOf(value.version) } })

/** One tag of RFC 9110, with the commas and spaces after it. */
const TAG = /(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,[ \t,]*|$)/gy
/** As `etagOf` writes it, and as PostgreSQL can hold it. */
const VERSION = /^[1-9]\d{0,8}$/

/** The versions that `If-Match` names; null without it, or for `*`: any version. Weak tags, and tags that are not ours, are no version. */
export const versionsOf = (header: string | undefined): Versions => {
  if (header === undefined || header.trim() === '*') return null
  const text = header.replace(/^[ \t,]+/, '')
  const tags = [...text.matchAll(TAG)]
  const read = tags.reduce((length, [tag]) => length + tag.length, 0)
  // An unreadable header is refused: ignoring it would lose the edit that it protects.
  if (tags.length === 0 || read !== text.length)
    throw invalid(
      'If-Match',
      'must be the ETag that you read, with its double quotes ("3"), or several with commas between them, or *',
    )
  return tags.flatMap(([, weak, tag = '']) => (weak === undefined && VERSION.test(tag) ? [Number(tag)] : []))
}

/** The versions that the caller permits this call to change. */
export const expected = (call: Pick<Call, 'header'>): Versions => versionsOf(call.header('If-Match'))
