import { setImmediate as nextTurn } from 'node:timers/promises'
import { hideForms, secretForms, SourceError } from '@automagik-spark/core'
import { hideInJson } from './json/hide.ts'
import type { Recovery, RunAnswer, Source, VersionInfo } from './source.ts'

/** Characters; searching a longer text takes milliseconds. */
const LONG = 1024 * 1024

/**
 * The same source, whose answers and errors never hold its key. The HTTP client takes the key out of responses before they are parsed; this
 * takes it out of what was decoded since, such as JSON inside a JSON string.
 */
export const withoutKey = (source: Source, api_key: string | null): Source => {
  const forms = api_key === null ? [] : secretForms(api_key)
  if (forms.length === 0) return source
  const hide = (text: string): string => hideForms(text, forms)

  const cleanError = (error: unknown): unknown => {
    if (!(error instanceof SourceError) || hide(error.message) === error.message) return error
    const { error_code, failure, message, retry_after, timed_out, cause } = error
    return new SourceError(error_code, failure, hide(message), { retry_after, timed_out, cause })
  }
  const cleanAnswer = async <A extends Pick<RunAnswer, 'result' | 'notes'>>(answer: A): Promise<A> => {
    if (answer.result.length > LONG) await nextTurn()
    return { ...answer, result: hide(answer.result), notes: answer.notes.map(hide) }
  }
  const cleanRecovery = async (recovery: Recovery): Promise<Recovery> => {
    if (recovery.state === 'completed') return cleanAnswer(recovery)
    return recovery.state === 'failed'
      ? { state: 'failed', error: cleanError(recovery.error) as SourceError }
      : recovery // a SourceError stays one
  }
  const guarded = async <T>(running: Promise<T>): Promise<T> => {
    try {
      return await running
    } catch (error) {
      throw cleanError(error)
    }
  }

  const { recover } = source
  return {
    ...source,
    // Flows keep their text: a short key could be part of a name (see `SHORTEST_IN_READS`).
    probe: async (signal) =>
      JSON.parse(hideInJson(JSON.stringify(await guarded(source.probe(signal))), forms)) as VersionInfo, // from JSON.stringify
    listFlows: (signal) => guarded(source.listFlows(signal)),
    getFlow: (flow, signal) => guarded(source.getFlow(flow, signal)),
    findFlows: (named, signal) => guarded(source.findFlows(named, signal)),
    run: async (call) => cleanAnswer(await guarded(source.run(call))),
    ...(recover && { recover: async (call) => cleanRecovery(await guarded(recover(call))) }),
  }
}
