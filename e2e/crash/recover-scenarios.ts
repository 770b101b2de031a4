import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Lane } from './lane.ts'
import type { Scenario } from './scenario.ts'
import {
  byId,
  CLAIM,
  expected,
  INTENT,
  isTerminal,
  MARK,
  mark,
  NOTE,
  over,
  RECOVERING,
  run,
  SETTLE,
  TAKE_OVER,
} from './steps.ts'

const runAgent = (lane: Lane, input: string) => run({ ...lane, workflow_id: lane.hive.workflow_id }, input)
const resultOf = async (lane: Lane, id: string) =>
  (await lane.sql<{ result: string }>(`SELECT output::json ->> 'result' AS result FROM tasks WHERE id = $1`, [id]))[0]
    ?.result

export const lostCall: Scenario<{ id: string; input: string }> = {
  name: 'a call is lost, and its outcome is recovered',
  role: 'worker',
  commits: [CLAIM, INTENT, RECOVERING, NOTE, SETTLE],
  strikes: [RECOVERING, NOTE, SETTLE],
  async prepare(lane) {
    // The agent runs and its session is kept; only the answer never comes.
    await lane.hive.stub.set({ reset: true })
    const input = mark()
    return { id: await runAgent(lane, input), input }
  },
  isOver: async (lane, { id }) => isTerminal((await byId(lane, id))?.status),
  async judge(lane, { context: { id, input } }) {
    assert.deepEqual(expected(await over(lane, id), lane.callsOf(id)), {
      status: 'completed',
      error_code: null,
      calls: 1,
    })
    assert.equal(await resultOf(lane, id), `Echo: ${input}`)
    lane.hive.stub.clearSwitches()
  },
}

/** The call that a worker made before it died. */
const callOnce = async ({ hive }: Lane, message: string, session_id: string) => {
  const answer = await fetch(`${hive.stub.url}/agents/${hive.agent}/runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${hive.key}` },
    body: new URLSearchParams({ message, stream: 'false', session_id }),
  })
  assert.equal(answer.status, 200)
  await answer.text()
}

export const takeOverRecovering: Scenario<{ calling: string; asking: string; unheard: string }> = {
  name: 'a dead worker was in a call whose outcome can be recovered',
  role: 'worker',
  commits: [MARK, TAKE_OVER, NOTE, SETTLE],
  strikes: [TAKE_OVER, NOTE, SETTLE],
  async prepare(lane) {
    const leave = async (phase: 'calling' | 'asking', isCalled: boolean) => {
      const input = mark()
      const id = await runAgent(lane, input)
      await lane.sql(
        `UPDATE tasks SET status = 'running', phase = $2, tries = 1, timeout = 1, worker_id = $3, token = $4, started_at = spark_now(), lease_until = spark_now() - interval '1 second' WHERE id = $1`,
        [id, phase, randomUUID(), randomUUID()],
      )
      if (isCalled) await callOnce(lane, input, id)
      return id
    }
    return {
      calling: await leave('calling', true),
      asking: await leave('asking', true),
      unheard: await leave('calling', false),
    }
  },
  isOver: async (lane, context) =>
    (await lane.tasks('id = ANY ($1::uuid[])', Object.values(context))).every(({ status }) => isTerminal(status)),
  async judge(lane, { context: { calling, asking, unheard } }) {
    for (const id of [calling, asking]) {
      assert.deepEqual(expected(await over(lane, id), lane.callsOf(id)), {
        status: 'completed',
        error_code: null,
        calls: 1,
      })
      assert.match((await resultOf(lane, id)) ?? '', /^Echo: crash /)
    }
    // What its server has never kept may still be under way, until the time of the run is up.
    assert.deepEqual(expected(await over(lane, unheard), lane.callsOf(unheard)), {
      status: 'failed',
      error_code: 'outcome_unknown',
      calls: 0,
    })
  },
}
