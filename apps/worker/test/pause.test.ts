import { beforeAll, describe, expect, it } from 'vitest'
import { newSchedule, until, useStack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }
const NEVER_MS = 3_600_000
const stack = useStack({ random: () => 0 })
let failing_id: string
beforeAll(async () => {
  failing_id = (await stack.sync('fail')).workflow.id
})

const create = (pause_after_failures: number | null) =>
  stack.engine.schedules.create(newSchedule({ workflow_id: failing_id, schedule_expr: '1s', pause_after_failures }))
const isPaused = (id: string) =>
  until(
    () => stack.engine.schedules.get(id),
    ({ status }) => status === 'paused',
  )

describe('a schedule whose runs fail', () => {
  it('is paused when they are over, goes on when it is enabled, and is paused anew', async () => {
    const worker = await stack.addWorker({ times: { reconcileMs: NEVER_MS } }) // so that the reconciler does not do it
    const { id } = await create(2)
    const paused = await isPaused(id)
    expect(paused).toMatchObject({ consecutive_failures: 2, next_run_at: null, pause_after_failures: 2 })
    expect(paused.paused_reason).toMatch(/^Paused by Spark: its last 2 runs failed\. The last one: /)
    expect(await stack.engine.schedules.enable(id)).toMatchObject({
      status: 'active',
      paused_reason: null,
      consecutive_failures: 0,
    })
    expect((await isPaused(id)).consecutive_failures).toBe(2)
    const rows = (await stack.engine.schedules.occurrences(id, PAGE)).items
    expect(rows.filter(({ decision }) => decision === 'started')).toHaveLength(4)
    await stack.stopWorker(worker)
  })

  it('is paused by the reconciler when the worker that settled it did not', async () => {
    const worker = await stack.addWorker()
    const { id } = await create(null)
    await until(
      () => stack.engine.schedules.get(id),
      ({ consecutive_failures }) => consecutive_failures >= 2,
    )
    expect(await stack.engine.schedules.update(id, { pause_after_failures: 2 })).toMatchObject({
      pause_after_failures: 2,
    })
    await isPaused(id)
    const {
      workflow_id: _,
      schedule_type: __,
      schedule_expr: ___,
      ...defaults
    } = newSchedule({ workflow_id: failing_id })
    expect(await stack.engine.schedules.replace(id, defaults)).toMatchObject({
      pause_after_failures: null,
      status: 'paused',
    })
    await stack.engine.schedules.remove(id)
    await stack.stopWorker(worker)
  })
})
