import type { Finding } from './finding.ts'
import type { CheckedTask } from './queries.ts'

/** A call in the log of a flow server. */
export type LoggedCall = {
  /** Each task has a session of its own, named by its id. */
  session_id: string | null
  /** Epoch milliseconds. */
  at: number
  /** Null: the connection was cut, or the call is still running. */
  status: number | null
  took_ms: number | null
}

const REJECTED = new Set([429, 503])

/** Whether Spark may call the same task again by itself after this call. */
const mayBeRepeated = ({ status }: LoggedCall, retry_on: CheckedTask['retry_on']): boolean => {
  if (retry_on === 'unknown') return status !== 200
  if (status !== null && REJECTED.has(status)) return true
  return retry_on === 'failure' && status === 500
}

/**
 * Compares tasks with the log of their flow server: by default a task is called once, plus the calls that the server rejected.
 * `isWhole`: the log has every call, so a completed task without one is a finding, too.
 */
export const checkCalls = (tasks: CheckedTask[], log: LoggedCall[], { isWhole }: { isWhole: boolean }): Finding[] => {
  const calls = groupBy(log, (call) => call.session_id ?? '')
  const problems = tasks.flatMap(({ id, retry_on, retries_by_hand, status }): { id: string; problem: string }[] => {
    const ours = calls.get(id) ?? []
    const final = ours.filter((call) => !mayBeRepeated(call, retry_on))
    if (final.length > 1 + retries_by_hand)
      return [
        {
          id,
          problem: `was called ${ours.length} times, ${final.length} of them for good: ${ours.map((call) => `${new Date(call.at).toISOString()} (${call.status ?? 'cut off'})`).join(', ')}`,
        },
      ]
    if (isWhole && status === 'completed' && !ours.some((call) => call.status === 200))
      return [{ id, problem: 'is completed, but its flow server never answered it' }]
    return []
  })
  return problems.map(({ id, problem }) => ({ invariant: 'calls', id, message: `task ${id} ${problem}` }))
}

export const groupBy = <T>(rows: T[], keyOf: (row: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const group = groups.get(keyOf(row))
    if (group) group.push(row)
    else groups.set(keyOf(row), [row])
  }
  return groups
}

/** The most calls at once. Calls that were cut are left out: nobody knows when the server ended them. */
const mostAtOnce = (log: LoggedCall[]): number => {
  const edges = log.flatMap(({ at, took_ms }) =>
    took_ms === null
      ? []
      : [
          { at, by: 1 },
          { at: at + took_ms, by: -1 },
        ],
  )
  let [now, most] = [0, 0]
  for (const { by } of edges.sort((a, b) => a.at - b.at || a.by - b.by)) most = Math.max(most, (now += by))
  return most
}

export const checkAtOnce = (source_id: string, log: LoggedCall[], max_concurrency: number): Finding[] => {
  const most = mostAtOnce(log)
  if (most <= max_concurrency) return []
  return [
    {
      invariant: 'calls',
      id: source_id,
      message: `source ${source_id} was called ${most} times at once, and its max_concurrency is ${max_concurrency}`,
    },
  ]
}
