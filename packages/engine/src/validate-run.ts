import type { JsonValue, RunProblems, Source, VersionInfo } from '@automagik-spark/adapters'
import type { FieldError, JsonText } from '@automagik-spark/core'
import { DomainError, invalid, isStringText, makeBoundedMap, membersOf } from '@automagik-spark/core'
import type { Db, FlowToValidate } from '@automagik-spark/db'
import { makeFlowReads } from './flow-reads.ts'
import type { OpenSource } from './open-source.ts'
import { VaultError } from './vault.ts'

type Run = { workflow_id: string; input: JsonText | null; tweaks: JsonText | null }

/** An input with fewer characters fits every server. */
const SHORT = 100_000
const HALF_PAIR = /\\u[dD][89a-fA-F]/

/** How long a server may take to tell whether it takes an empty message. */
const ASK_MS = 5_000
const MOST_SOURCES = 1_000

const isEmpty = ({ input }: Run): boolean => input === null || input === '""'

/** Whether some server may refuse or drop something. The usual run needs no query. */
const isSuspect = ({ input, tweaks }: Run): boolean =>
  input === null ||
  input === '""' ||
  input.length > SHORT ||
  (isStringText(input) && HALF_PAIR.test(input)) ||
  (tweaks !== null && membersOf(tweaks).length > 0)

/**
 * Refuses a new run or schedule whose input or tweaks its server would drop or refuse. A tweak without a place in the copy of the flow is
 * looked up in the flow as its server has it now. When that cannot be read the tweak is accepted, and the worker notes in the task's log
 * what has no place.
 */
export const makeValidateRun = ({ db, openSource }: { db: Db; openSource: OpenSource }) => {
  const reads = makeFlowReads()

  /** The flow's graph at its server; null when it cannot be read or does not exist. */
  const graphNow = async (
    remote: Source,
    { source, changed_at, remote_flow_id, flow_type }: FlowToValidate,
  ): Promise<JsonValue> => {
    const read = await reads.read(remote, `${source.source_id}:${source.version}:${changed_at.getTime()}`, {
      id: remote_flow_id,
      flow_type,
    })
    return read === null || read instanceof Error ? null : read.data
  }

  /** Asks once for each source and key; an answer of null is asked for again. */
  const told = makeBoundedMap<string, Promise<boolean | null>>(MOST_SOURCES)
  const refusesEmpty = (remote: Source, { source_id, version }: FlowToValidate['source']): Promise<boolean | null> => {
    const key = `${source_id}:${version}`
    return told.getOrMake(key, () => {
      const asked = remote.refusesEmpty!(AbortSignal.timeout(ASK_MS)).catch(() => null)
      void asked.then((answer) => answer === null && told.delete(key))
      return asked
    })
  }

  /** `stored`: the tweaks were accepted before, and run with a note whatever the flow is now. */
  return async (run: Run, { stored = false } = {}): Promise<void> => {
    if (!isSuspect(run)) return
    const flow = await db.workflows.forValidation(run.workflow_id, run.tweaks !== null)
    if (!flow) return // the insert reports it
    let remote: Source
    try {
      remote = openSource(flow.source)
    } catch (error) {
      if (error instanceof VaultError) return
      throw error
    }
    const problemsIn = (data: JsonValue): RunProblems =>
      remote.checkRun({
        flow_type: flow.flow_type,
        input_value: run.input,
        tweaks: run.tweaks,
        input_component: flow.chosen_input,
        data,
        server: flow.version_info as VersionInfo | null,
      }) // as a probe gave it
    const copy = problemsIn(flow.data as JsonValue) // out of a jsonb column
    if (copy.errors.length > 0) throw refused(copy.errors)
    if (isEmpty(run) && remote.refusesEmpty && (await refusesEmpty(remote, flow.source)))
      throw invalid('input_value', 'must not be empty: this server refuses an empty message')
    if (copy.unplaced.length === 0 || stored) return
    const now = await graphNow(remote, flow)
    if (now === null) return
    const fresh = problemsIn(now)
    if (fresh.errors.length > 0) throw refused(fresh.errors)
    const missing = flow.data === null ? fresh.unplaced : fresh.unplaced.filter((what) => copy.unplaced.includes(what))
    if (missing.length === 0) return
    const places =
      fresh.places.length === 0
        ? 'It has no components'
        : `Its components are ${fresh.places.slice(0, 20).join(', ')}${fresh.places.length > 20 ? ', …' : ''}`
    throw invalid(
      'tweaks',
      `the flow lacks ${missing.slice(0, 5).join(', and ')}, and its server would ignore that tweak. ${places}`,
    )
  }
}
export type ValidateRun = ReturnType<typeof makeValidateRun>

const refused = (errors: FieldError[]): DomainError =>
  new DomainError('invalid', errors.map(({ path, message }) => `${path}: ${message}`).join('; '), { errors })
