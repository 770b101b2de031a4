import type { FieldError, JsonText } from '@automagik-spark/core'
import { messageProblems, messageText } from '../message-flow.ts'
import type { AskedRun, RunProblems, VersionInfo } from '../source.ts'

/** The most that agno takes in one field of a form, in encoded bytes with the field's name; measured with 2.2 and 3.1, which refuse more only after it was sent. */
const MAX_FIELD_BYTES = 1024 * 1024 - 'message'.length

/** Why a message is too long for a form; null when it is not. */
export const formProblem = (input_value: JsonText | null): string | null => {
  const text = messageText({ input_value })
  // A character is at most nine encoded bytes, so most messages need no counting.
  if (text.length * 9 <= MAX_FIELD_BYTES) return null
  const size = new URLSearchParams({ '': text }).toString().length - 1
  return size > MAX_FIELD_BYTES
    ? `has ${size} bytes as a form sends it, and Automagik Hive takes at most ${MAX_FIELD_BYTES}`
    : null
}

/** What a Hive would refuse of a run, by its last probe. */
export const hiveProblems = (run: AskedRun): RunProblems => {
  const { errors, ...rest } = messageProblems(run)
  const problem = inputProblem(run)
  return { errors: problem === null ? errors : [...errors, problem], ...rest }
}

const inputProblem = ({ input_value, flow_type, server }: AskedRun): FieldError | null => {
  const agno = typeof server?.['agno'] === 'string' ? server['agno'] : null
  if (messageText({ input_value }) === '' && agno !== null && refusesEmpty(agno))
    return { path: 'input_value', message: `must not be empty: this server (agno ${agno}) refuses an empty message` }
  // Workflows of Hive 0.1 take JSON.
  const tooLong = server?.['api'] === 'playground' && flow_type === 'workflow' ? null : formProblem(input_value)
  return tooLong === null ? null : { path: 'input_value', message: tooLong }
}

/** agno from 2.9 on. */
const refusesEmpty = (version: NonNullable<VersionInfo['version']>): boolean => {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? []
  return major !== undefined && (Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 9))
}
