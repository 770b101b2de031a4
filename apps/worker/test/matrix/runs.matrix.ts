import { makeChecker } from '@automagik-spark/checker'
import { patient } from '@automagik-spark/testing'
import pg from 'pg'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { newSchedule, until, useStack } from '../stack.ts'

const FINISHED = 60_000
const RUNS = 100
const CALLERS = 10
const DUE_TIMES = 10

const stack = useStack()
let workflow_id: string
beforeAll(async () => {
  workflow_id = (await stack.sync()).workflow.id
  await addFinished()
  await stack.addWorker()
}, patient(120_000))

/** As after weeks of work: the queue's few rows lie among many that are over. */
const addFinished = async () => {
  const client = new pg.Client({ connectionString: stack.url }) // without the limits of our own connections
  await client.connect()
  await client.query(
    `INSERT INTO tasks (id, workflow_id, source_id, status, trigger, priority, timeout, input, output, started_at, ready_at, finished_at, created_at, updated_at)
     SELECT gen_random_uuid(), w.id, w.source_id, 'completed', 'manual', 0, 60, '"x"', '{"result": "x"}', n.at, n.at, n.at, n.at, n.at
     FROM workflows w, generate_series(1, ${FINISHED}) i, LATERAL (SELECT spark_now() - i * interval '1 minute' AS at) n WHERE w.id = $1`,
    [workflow_id],
  )
  await client.end()
}

describe(`with ${FINISHED} finished tasks`, () => {
  it('the server compiles statements (JIT) where it should, or nothing would be seen of it', async () => {
    const client = new pg.Client({ connectionString: inject('postgresUrl') })
    await client.connect()
    const { rows } = await client.query<{ jit: boolean }>(
      `SELECT pg_jit_available() AND current_setting('jit') = 'on' AS jit`,
    )
    await client.end()
    expect(rows[0]!.jit).toBe(process.env.SPARK_TEST_POSTGRES_JIT === '1')
  })

  it(`${RUNS} runs are completed, each after one call`, async () => {
    stack.stub.clearCalls()
    const inputs = Array.from({ length: RUNS }, (_, i) => `run ${i}`)
    const answers = await Promise.all(
      Array.from({ length: CALLERS }, async (_, caller) => {
        const mine = []
        for (const input of inputs.filter((__, i) => i % CALLERS === caller))
          mine.push(await stack.engine.workflows.run(workflow_id, input, { wait: true }))
        return mine
      }),
    )
    expect(answers.flat().map(({ task }) => [task.status, task.error])).toEqual(inputs.map(() => ['completed', null]))
    expect(stack.stub.calls.map(({ input_value }) => input_value).sort()).toEqual(inputs.sort())
  })

  it('a schedule of 1 s starts at each due time, and none is lost or called twice', async () => {
    stack.stub.clearCalls()
    const since = stack.clock.now()
    const { id } = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_expr: '1s', max_runs: DUE_TIMES, overlap: 'allow' }),
    )
    await until(
      () => stack.engine.schedules.get(id),
      ({ status }) => status === 'completed',
      30_000,
    )
    const page = await until(
      () => stack.engine.tasks.list({ limit: 50, offset: 0, schedule_id: id }),
      ({ items }) => items.every(({ finished_at }) => finished_at !== null),
    )
    expect(page.items.map(({ status }) => status)).toEqual(Array.from({ length: DUE_TIMES }, () => 'completed'))
    expect(stack.stub.calls).toHaveLength(DUE_TIMES)
    expect(await makeChecker({ sql: stack.db.sql })({ since })).toEqual([])
  })
})
