import { makeCaller } from './load.ts'
import type { Stack } from './stack.ts'

/** Requests at once. */
const CREATORS = 16

/** `session_id` names the schedule in the flow server's log. */
export type NewSchedule = { session_id: string; schedule_expr: string } & (
  { schedule_type: 'cron' | 'one-time' } | { schedule_type: 'interval'; start_at: string; max_runs: number }
)

/** Creates the schedules over REST. Returns how many were created a second. */
export const createSchedules = async (
  { spark, workflow_id, signal }: Stack,
  schedules: readonly NewSchedule[],
): Promise<number> => {
  const api = makeCaller(spark.url, { connections: CREATORS, headers: { 'x-api-key': spark.key } })
  const waiting = [...schedules].reverse()
  const creator = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      signal.throwIfAborted()
      const answer = await api.call(
        '/api/v1/schedules',
        JSON.stringify({ workflow_id, ...next, input_value: `from ${next.session_id}` }),
      )
      if (answer.status !== 201)
        throw new Error(`a schedule was not created: ${answer.status} ${answer.body.toString().slice(0, 500)}`)
    }
  }
  const began = performance.now()
  try {
    await Promise.all(Array.from({ length: CREATORS }, creator))
    return schedules.length / ((performance.now() - began) / 1_000)
  } finally {
    await api.close()
  }
}

export const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`)
export const allAt = (sessions: readonly string[], due: number): Map<string, number> =>
  new Map(sessions.map((session) => [session, due]))
/** Spreads due times evenly in whole seconds, as the floors do. */
export const spreadFrom = (sessions: readonly string[], firstMs: number, spreadMs: number): Map<string, number> =>
  new Map(
    sessions.map((session, i) => [session, firstMs + Math.floor((i * spreadMs) / sessions.length / 1_000) * 1_000]),
  )
