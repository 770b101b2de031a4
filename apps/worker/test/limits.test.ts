import { randomUUID } from 'node:crypto'
import { claim } from '@automagik-spark/db'
import { expect, it } from 'vitest'
import { makeTargets } from '../src/targets.ts'
import { clear, until, useStack } from './stack.ts'

const stack = useStack({ stub: { latencyMs: 20 } })

it('a claim of more flows than a worker keeps finds the target of each task', async () => {
  const { source, workflow } = await stack.sync()
  await stack.engine.sources.update(source.id, { max_concurrency: 120 })
  const { rows } = await stack.db.sql.query<{ id: string }>(
    `INSERT INTO workflows SELECT (jsonb_populate_record(w, jsonb_build_object('id', gen_random_uuid(), 'remote_flow_id', 'copy ' || n))).*
     FROM workflows w, generate_series(1, 120) n WHERE w.id = $1 RETURNING id`,
    [workflow.id],
  )
  for (const { id } of rows) await stack.engine.workflows.run(id, { input_value: 'x' }, { wait: false })
  const claimed = await claim(stack.db.sql, {
    worker_id: randomUUID(),
    token: randomUUID(),
    slots: 120,
    leaseMs: 60_000,
  })
  expect((await makeTargets(stack.db.sql).of(claimed)).size).toBe(120)
  await clear(stack, 'tasks')
})

it('200 runs at once, from two workers, keep to the limit of their source', async () => {
  const { source, workflow } = await stack.sync()
  await stack.engine.sources.update(source.id, { max_concurrency: 7 })
  await stack.addWorker({ concurrency: 100 })
  await stack.addWorker({ concurrency: 100 })

  await Promise.all(
    Array.from({ length: 200 }, (_, at) =>
      stack.engine.workflows.run(workflow.id, { input_value: `run ${at}` }, { wait: false }),
    ),
  )
  await until(
    () => stack.engine.tasks.list({ limit: 1, offset: 0, status: 'completed' }),
    ({ total }) => total === 200,
    60_000,
  )

  expect(stack.stub.runs).toHaveLength(200)
  expect(new Set(stack.stub.runs.map(({ input_value }) => input_value)).size).toBe(200)
  expect(stack.stub.maxInFlight).toBe(7) // reached, and never passed
})
