import type { Finding } from './finding.ts'
import type { CheckedTask } from './queries.ts'

/** A run that a flow server logged. */
export type LoggedCall = {
  /** Each task has a session of its own, named by its id. */
  session_id: string | null
  /** Epoch milliseconds. */
  at: number
  /** Null: it was cut off, or goes on. */
  status: number | null
  took_ms: number | null
}

const TURNED_AWAY = new Set([429, 503])

/** Whether a call leaves it open that the same task is called again by itself. */
const mayBeRepeated = ({ status }: LoggedCall, retry_on: CheckedTask['retry_on']): boolean => {
  if (retry_on === 'unknown') return status !== 200
  if (status !== null && TURNED_AWAY.has(status)) return true
  return retry_on === 'failure' && status === 500
}

/**
 * Holds tasks against what their flow server saw: by default a task is called once, but for calls that were turned away.
 * `isWhole`: the log has every call, so a completed task without one is a finding too.
 */
export const checkCalls = (tasks: CheckedTask[], log: LoggedCall[], { isWhole }: { isWhole: boolean }): Finding[] => {
  const calls = groupBy(log, (call) => call.session_id ?? '')
  const problems = tasks.flatMap(({ id, retry_on, asked_again, status }): { id: string; problem: string }[] => {
    const ours = calls.get(id) ?? []
    const final = ours.filter((call) => !mayBeRepeated(call, retry_on))
    if (final.length > 1 + asked_again)
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

/** The most calls at once. What broke off counts for nothing: when the server was through with it nobody knows. */
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
