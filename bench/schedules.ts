import { setTimeout as sleep } from 'node:timers/promises'
import type { StubCall } from '@automagik-spark/testing'
import { makeCaller } from './load.ts'
import type { Caller } from './load.ts'
import { warmUpRuns } from './runs.ts'
import { CONCURRENCY } from './surroundings.ts'
import type { Surroundings } from './surroundings.ts'
import { startsOf } from './starts.ts'
import type { Starts } from './starts.ts'

export type SchedulesResult = { concurrency: number; created_per_second: number; spark: Starts; floor: Starts }

const MINUTE = 60_000
/** Created so many at once. */
const CREATORS = 16
/** Time to create them: the due minute is the first that lies at least so far ahead. */
const aheadMs = (schedules: number) => 15_000 + schedules * 15
const PATIENCE_MS = 120_000
/** So long after the last expected call a second one for the same due time would have come. */
const AFTERMATH_MS = 3_000

/** Schedules that are all due at one minute, beside a loop that asks a table once a second. */
export const measureSchedules = async (surroundings: Surroundings, schedules: number): Promise<SchedulesResult> => {
  const { spark, stub, signal, progress, startFloor } = surroundings
  const api = makeCaller(spark.url, { connections: CREATORS, headers: { 'x-api-key': spark.key } })
  const flows = makeCaller(stub.url, { connections: 1, headers: {} })

  const received = async (): Promise<StubCall[]> => {
    const { calls, unrecorded } = JSON.parse((await flows.call('/__stub/calls')).body.toString()) as { calls: StubCall[]; unrecorded: unknown[] } // stub.ts
    if (unrecorded.length > 0) throw new Error(`the stub was asked for something that no Langflow was heard to answer: ${JSON.stringify(unrecorded[0])}`)
    return calls.filter(({ run }) => run)
  }
  /** Waits for so many calls, asking seldom: the stub is being measured. */
  const untilCalled = async (from: number): Promise<StubCall[]> => {
    for (const end = from + PATIENCE_MS; ; ) {
      await sleep(Math.max(from - Date.now(), 1_000), undefined, { signal })
      const calls = await received()
      if (calls.length < schedules && Date.now() < end) continue
      await sleep(AFTERMATH_MS, undefined, { signal })
      return received()
    }
  }

  try {
    progress('schedules: warming up')
    await warmUpRuns(surroundings)
    const due = Math.ceil((Date.now() + aheadMs(schedules)) / MINUTE) * MINUTE
    progress(`creating ${schedules} schedules that are due at ${new Date(due).toISOString()}`)
    const started = performance.now()
    await create(api, surroundings, schedules, due)
    const created_per_second = schedules / ((performance.now() - started) / 1_000)
    if (Date.now() > due - 1_000) throw new Error('creating the schedules took until they were due: try fewer of them')

    await flows.call('/__stub/clear', '{}')
    progress('waiting for that minute')
    const sparkStarts = startsOf(await untilCalled(due), due, names('bench', schedules))

    progress('the same for the floor')
    const floor = await startFloor('job-runner', { JOBS: String(schedules) })
    await flows.call('/__stub/clear', '{}')
    const floorDue = Number(floor.said)
    const floorStarts = startsOf(await untilCalled(floorDue), floorDue, names('floor', schedules))
    await floor.exited
    return { concurrency: CONCURRENCY, created_per_second, spark: sparkStarts, floor: floorStarts }
  } finally {
    await Promise.all([api.close(), flows.close()])
  }
}

const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`)

/** The session names the schedule in the stub's log. */
const create = async (api: Caller, { workflow_id, signal }: Surroundings, count: number, due: number): Promise<void> => {
  const at = new Date(due)
  const schedule_expr = `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`
  const waiting = names('bench', count)
  const creator = async () => {
    for (let session_id = waiting.pop(); session_id !== undefined; session_id = waiting.pop()) {
      signal.throwIfAborted()
      const body = JSON.stringify({ workflow_id, schedule_type: 'cron', schedule_expr, input_value: `from ${session_id}`, session_id })
      const answer = await api.call('/api/v1/schedules', body)
      if (answer.status !== 201) throw new Error(`a schedule was not created: ${answer.status} ${answer.body.toString().slice(0, 500)}`)
    }
  }
  await Promise.all(Array.from({ length: CREATORS }, creator))
}
