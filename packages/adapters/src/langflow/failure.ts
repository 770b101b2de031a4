import type { SourceError } from '@automagik-spark/core'
import { isObject } from '@automagik-spark/core'
import { reasonOf } from '../http/error-reason.ts'
import { flowFailed, unknown } from '../http/failure.ts'
import type { JsonValue } from '../json/reader.ts'

/** All that a proxy in front of a Langflow says. */
const PHRASES = new Set([
  'internal server error',
  'server error',
  'an unexpected error occurred',
  'not found',
  'bad request',
])

/** Words about a part of a flow: the flow itself was found, and ran. */
const OF_A_RUN = /^Error running graph|\b(graph|component|vertex|vertices)\b/i

/**
 * What a response to a run means when its status alone would mislead; null when the status is right. Langflow's own failures are JSON with
 * `detail` or `message`. Any other 500 comes from a server that is going down or from a proxy, and the flow may have run. Up to 1.7 Langflow
 * answers 404 when a component's error holds "not found", and 400 when it holds words about UUIDs: that flow ran and failed.
 */
export const langflowFailure =
  (where: string) =>
  (status: number, body: JsonValue): SourceError | null => {
    const own = isObject(body) && ('detail' in body || 'message' in body) ? body : null
    const reason = own && reasonOf(own)
    const isPhrase = reason !== null && PHRASES.has(reason.toLowerCase().replace(/\.$/, ''))
    if (status === 500)
      return own && !isPhrase
        ? null
        : unknown(
            { where, purpose: 'run' },
            'it answered HTTP 500, and not as Langflow does when a flow fails; it may be going down',
          )
    return (status === 404 || status === 400) && reason !== null && OF_A_RUN.test(reason) ? flowFailed(reason) : null
  }
