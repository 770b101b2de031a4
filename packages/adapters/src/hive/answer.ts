import { type JsonText, partOf, SourceError } from '@automagik-spark/core'
import { isObject } from '@automagik-spark/core'
import { badAnswer } from '../http/client.ts'
import { flowFailed, unknown } from '../http/failure.ts'
import { type JsonObject, objectsIn } from '../json/canonical.ts'
import { jsonDocuments, type JsonStream } from '../json/documents.ts'
import type { JsonValue, ReadJson } from '../json/reader.ts'
import { oneLine } from '../plain-text.ts'
import type { HiveKind } from './flow.ts'

/** The answer of a run that completed. */
export type HiveAnswer = { result: string; notes: string[] }

const SUCCESS = 'COMPLETED'

/**
 * The result of a run. A run that did not complete is a SourceError; agno says so by a status, by a step without success, or by a run inside a
 * step. In Hive 0.1 (`playground`) a finished run has the status RUNNING.
 */
export const readHiveAnswer = (
  where: string,
  { value: answer, text }: ReadJson,
  { playground }: { playground: boolean },
): HiveAnswer => {
  if (!isObject(answer)) throw badAnswer(where, 'does not have the expected shape')
  const status = typeof answer['status'] === 'string' ? answer['status'].toUpperCase() : null
  if (status === null) throw badAnswer(where, 'does not say whether the run completed')
  if (status === 'PAUSED')
    throw flowFailed(`the run is paused and waits for ${waitsFor(answer)}, which nobody gives it here`)
  if (status === 'CANCELLED') throw flowFailed('the run was cancelled at its server')
  if (status !== SUCCESS && !(playground && status === 'RUNNING')) {
    throw flowFailed(reasonIn(answer) ?? `the server answered before its end, with the status ${oneLine(status, 50)}`)
  }
  return judged(answer, text, (one) => one !== SUCCESS)
}

/** agno's own words, in all its versions, for a call that it rejects before anything runs. */
const REJECTED =
  /^(authorization\b|invalid (authentication|or missing|token)|(agent|team|workflow) not found$|not found$|part exceeded|there was an error parsing|service accounts|job queue|insufficient|access denied)/i
/** Only the words of a status: those of a proxy. */
const PHRASES = new Set([
  'bad request',
  'unauthorized',
  'forbidden',
  'request timeout',
  'too many requests',
  'service unavailable',
  'bad gateway',
  'gateway timeout',
])

/**
 * The failure behind a status that agno passes on from its model's provider: such a 401, 429 or 503 does not mean our key or a busy Hive, and the
 * run has begun. Null: the status is the server's own.
 */
export const forwardedFailure = (status: number, body: JsonValue): SourceError | null => {
  const reason = isObject(body) && typeof body['detail'] === 'string' ? body['detail'] : null
  if (status < 400 || status === 405 || reason === null || REJECTED.test(reason) || PHRASES.has(reason.toLowerCase()))
    return null
  return flowFailed(reason)
}

/** The result of a run whose status is good; a SourceError when a step or a run inside it failed. */
const judged = (answer: JsonObject, source: JsonText, hasFailed: (status: string) => boolean): HiveAnswer => {
  const step = failedStep(answer['step_results'], 0)
  if (step !== null) throw flowFailed(step)
  for (const run of objectsIn(answer['step_executor_runs'])) {
    const { status } = run
    if (typeof status === 'string' && hasFailed(status.toUpperCase()))
      throw flowFailed(reasonIn(run) ?? `a step ended with the status ${oneLine(status, 50)}`)
  }
  // Content that is not a text is shown as the server wrote it.
  const result = contentText(answer['content'], partOf(source, 'content'))
  return { result: result ?? '', notes: result === null ? ['The run completed and gave no content.'] : [] }
}

const contentText = (content: JsonValue | undefined, source?: JsonText): string | null => {
  if (content === undefined || content === null) return null
  return typeof content === 'string' ? content : (source ?? JSON.stringify(content))
}

const reasonIn = (value: JsonObject): string | null => {
  const reason = contentText(value['error']) ?? contentText(value['content'])
  return reason?.trim() ? reason : null
}

/** Why a step failed; null when none did. Steps may hold steps (parallel, loop, condition). */
const failedStep = (steps: JsonValue | undefined, depth: number): string | null => {
  // The results of a parallel step are a list in the list.
  const all = Array.isArray(steps) ? steps.flatMap((step) => (Array.isArray(step) ? step : [step])) : []
  for (const step of objectsIn(all)) {
    if (step['success'] === false) {
      const name = typeof step['step_name'] === 'string' ? `step ${oneLine(step['step_name'], 100)}: ` : ''
      return `${name}${reasonIn(step) ?? 'no reason given'}`
    }
    const inner = depth < 10 ? failedStep(step['steps'], depth + 1) : null
    if (inner !== null) return inner
  }
  return null
}

/** What a paused run waits for from a person, in words. */
const openRequests = (answer: JsonObject): string[] => {
  const asked = objectsIn(answer['tools']).flatMap((tool): string[] => {
    const name = typeof tool['tool_name'] === 'string' ? oneLine(tool['tool_name'], 100) : 'a tool'
    if (tool['requires_confirmation'] === true && typeof tool['confirmed'] !== 'boolean')
      return [`a confirmation of ${name}`]
    if (tool['external_execution_required'] === true && typeof tool['result'] !== 'string')
      return [`${name} to be run outside`]
    if (tool['requires_user_input'] !== true || tool['answered'] === true) return []
    const fields = objectsIn(tool['user_input_schema'])
      .map((field) => field['name'])
      .filter((field) => typeof field === 'string')
    return [`an input for ${name}${fields.length > 0 ? ` (${oneLine(fields.join(', '), 200)})` : ''}`]
  })
  return [...new Set(asked)]
}
const waitsFor = (answer: JsonObject): string => openRequests(answer).join(', ') || 'a person'

/** The status of a run in a session. agno 2.0 to 2.2 stores none, and stores no failed runs: a run that waits for nothing is completed. */
export const statusOfKept = (run: JsonObject): string => {
  if (typeof run['status'] === 'string') return run['status'].toUpperCase()
  return openRequests(run).length > 0 ? 'PAUSED' : SUCCESS
}

/** How the events of each kind begin; events of members and steps come in the same stream. */
const EVENTS: Record<HiveKind, string> = { agent: 'Run', team: 'TeamRun', workflow: 'Workflow' }

/** The result of a streamed run. Its own failure decides, even when a completed event follows. */
export const readHiveStream = async (
  where: string,
  kind: HiveKind,
  stream: JsonStream,
): Promise<HiveAnswer & { answer: JsonText; bytes: number }> => {
  const prefix = EVENTS[kind]
  let run_id: JsonValue | undefined
  /** `failure`: of this run. `reason`: of an error event without an id. */
  let failure: string | null = null
  let reason: string | null = null
  let completed: { value: JsonObject; answer: JsonText; bytes: number } | null = null
  try {
    for await (const { value, text, bytes } of jsonDocuments(where, stream)) {
      if (!isObject(value)) continue
      // A server that does not stream sends the answer alone.
      if (value['event'] === undefined && typeof value['status'] === 'string' && run_id === undefined)
        return { ...readHiveAnswer(where, { value, text }, { playground: false }), answer: text, bytes }
      if (typeof value['event'] !== 'string' || !value['event'].startsWith(prefix)) continue
      const event = value['event'].slice(prefix.length)
      const mine = run_id !== undefined && value['run_id'] === run_id
      if (event === 'Started') run_id ??= value['run_id']
      else if (event === 'Completed' && mine) completed = { value, answer: text, bytes }
      else if (event === 'Paused' && mine)
        failure ??= `the run is paused and waits for ${waitsFor(value)}, which nobody gives it here`
      else if (event === 'Cancelled' && mine) failure ??= 'the run was cancelled at its server'
      else if (event === 'Error' && mine) failure ??= reasonIn(value) ?? ''
      // agno leaves the id out of the error of an agent or team.
      else if (event === 'Error' && value['run_id'] === undefined) reason = reasonIn(value) ?? reason ?? ''
    }
  } catch (error) {
    // The connection broke after the failure was reported: the outcome is known.
    const told = failure ?? reason
    if (told !== null && error instanceof SourceError && error.failure === 'unknown') throw flowFailed(told)
    throw error
  }
  if (failure !== null) throw flowFailed(failure)
  // In a stream agno 3.1 says CANCELLED of a step's run that returned its whole answer.
  if (completed) {
    const { value, answer, bytes } = completed
    return { ...judged(value, answer, (one) => one === 'ERROR' || one === 'PAUSED'), answer, bytes }
  }
  if (reason !== null) throw flowFailed(reason)
  throw unknown({ where, purpose: 'run' }, 'its stream ended without saying how the run ended')
}
