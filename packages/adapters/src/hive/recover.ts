import { elementsOf, type JsonText, jsonText, SourceError } from '@automagik-spark/core'
import { isObject } from '@automagik-spark/core'
import { type Http, isSuccess } from '../http/client.ts'
import { flowFailed } from '../http/failure.ts'
import { pathSegment } from '../http/source-url.ts'
import { type JsonObject } from '../json/canonical.ts'
import type { ReadJson } from '../json/reader.ts'
import { messageText } from '../message-flow.ts'
import type { LostCall, Recovery } from '../source.ts'
import { readHiveAnswer, statusOfKept } from './answer.ts'
import { isPlaygroundFlow } from './flow.ts'

const TIMEOUT_MS = 30_000

/**
 * Looks for a lost call in its session at the Hive. agno stores a run there when it is over, so a run that is absent may still be under way: it is
 * never `never_arrived`. A session that others use too, or that is not stored, tells nothing.
 */
export const recoverHive = async ({ url, http }: { url: string; http: Http }, call: LostCall): Promise<Recovery> => {
  const { data, flow_type } = call
  if (!call.own_session || flow_type === 'flow' || isPlaygroundFlow(data)) return { state: 'unknown' }
  // An agent without a database stores nothing. A server with several databases requires the parameter.
  const db_id = isObject(data) && typeof data['db_id'] === 'string' ? data['db_id'] : null
  if (db_id === null) return { state: 'unknown' }

  const path = `sessions/${pathSegment(call.session_id)}/runs`
  const query = { type: flow_type, db_id }
  const answered = await http.call(
    { method: 'GET', purpose: 'read', path, query, timeoutMs: TIMEOUT_MS, signal: call.signal },
    async (response) => {
      if (response.status === 404) return { value: [], text: jsonText([]), bytes: 0 }
      if (isSuccess(response)) return response.json()
      const failure = await response.failure()
      // The server would answer the same next time.
      if (failure.failure === 'refused') return null
      throw failure
    },
  )
  return answered === null ? { state: 'unknown' } : recoveryIn(url, call, answered)
}

/** What the runs of a session say of a lost call. */
export const recoveryIn = (
  url: string,
  call: LostCall,
  { value, text, bytes }: ReadJson & { bytes: number },
): Recovery => {
  const sources = elementsOf(text)
  const runs = (Array.isArray(value) ? value : []).flatMap((run, i) =>
    isObject(run) && isOf(call, run) ? [{ run, source: sources[i]! }] : [],
  ) // `value` and `text` are the same list
  for (const run of runs) {
    const state = stateOf(url, run)
    if (state.state === 'completed') return { ...state, bytes }
  }
  // With several tries the failure may belong to an earlier one.
  const [last] = runs.slice(-1)
  if (!last || call.tries > 1) return { state: 'running' }
  return stateOf(url, last)
}

const isOf = (call: LostCall, run: JsonObject): boolean => {
  if (run[`${call.flow_type}_id`] !== call.flow_id) return false
  const input = run['run_input']
  return typeof input !== 'string' || input === messageText(call)
}

const stateOf = (url: string, { run, source }: { run: JsonObject; source: JsonText }): Recovery => {
  const status = statusOfKept(run)
  if (status === 'RUNNING' || status === 'PENDING') return { state: 'running' }
  if (run['status'] === undefined && (run['content'] === undefined || run['content'] === null))
    return { state: 'running' }
  try {
    const { result, notes } = readHiveAnswer(url, { value: { ...run, status }, text: source }, { playground: false })
    return { state: 'completed', result, notes, answer: source, bytes: 0 }
  } catch (error) {
    return { state: 'failed', error: error instanceof SourceError ? error : flowFailed(null) }
  }
}
