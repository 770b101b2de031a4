import { expect, it } from 'vitest'
import { until, useStack } from './stack.ts'

const stack = useStack({ stub: { latencyMs: 20 } })

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
