import { ReplaceSchedule } from '@automagik-spark/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { newSchedule, until, useStack } from './stack.ts'

const MANY = 10
const stack = useStack({ random: () => 0 })
let workflow_id: string
let failing_id: string
let source_id: string
beforeAll(async () => {
  const { source, workflow } = await stack.sync()
  source_id = source.id
  workflow_id = workflow.id
  failing_id = (await stack.sync('fail')).workflow.id
})

const create = (fields: Partial<Parameters<typeof newSchedule>[0]> = {}) =>
  stack.raw.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h', ...fields }))
const versionOf = async (id: string) => (await stack.raw.schedules.get(id)).version
const sourceVersion = async () => (await stack.raw.sources.get(source_id)).version
const isRefused = (edit: Promise<unknown>, version: number) =>
  expect(edit).rejects.toMatchObject({ code: 'changed', version, message: expect.stringContaining(`"${version}"`) })
/** How many of these edits were made; all others must have been told that there is another version. */
const made = (edits: PromiseSettledResult<unknown>[]): number => {
  for (const one of edits) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'changed' })
  return edits.filter(({ status }) => status === 'fulfilled').length
}

describe('the version of a schedule', () => {
  it('grows with each edit, and with no edit that is refused', async () => {
    const { schedules } = stack.raw
    const { id, version } = await create()
    expect(version).toBe(1)
    expect((await schedules.update(id, { name: 'New' })).version).toBe(2)
    expect((await schedules.replace(id, ReplaceSchedule.parse({}))).version).toBe(3)
    expect((await schedules.disable(id, null)).version).toBe(4)
    expect((await schedules.enable(id)).version).toBe(5)
    await expect(schedules.update(id, { timezone: 'Mars/Olympus' })).rejects.toThrow(/^timezone: /)
    expect(await versionOf(id)).toBe(5)
    expect((await schedules.list({ workflow_id, limit: 1, offset: 0 })).items[0]).toMatchObject({ id, version: 5 })
  })

  it('stays when it fires, ends and is paused for its failures', async () => {
    const worker = await stack.addWorker()
    const { id } = await create({ workflow_id: failing_id, schedule_expr: '1s', pause_after_failures: 2 })
    const once = await create({ schedule_expr: '1s', max_runs: 1 })
    const paused = await until(
      () => stack.raw.schedules.get(id),
      ({ status }) => status === 'paused',
    )
    const over = await until(
      () => stack.raw.schedules.get(once.id),
      ({ status, last_success_at }) => status === 'completed' && last_success_at !== null,
    )
    expect([paused.run_count >= 2, paused.version, over.version]).toEqual([true, 1, 1])
    await stack.stopWorker(worker)
  })

  it('must be one that the caller names, or nothing is done', async () => {
    const { schedules } = stack.raw
    const { id } = await create({ name: 'Before' })
    await schedules.update(id, { name: 'After' })
    for (const versions of [[1], [3], [1, 3], []])
      for (const edit of [
        () => schedules.update(id, { name: 'Stale' }, versions),
        () => schedules.replace(id, ReplaceSchedule.parse({ name: 'Stale' }), versions),
        () => schedules.disable(id, 'stale', versions),
        () => schedules.enable(id, versions),
        () => schedules.remove(id, versions),
      ])
        await isRefused(edit(), 2)
    expect(await schedules.get(id)).toMatchObject({ name: 'After', status: 'active', version: 2 })
    expect((await schedules.update(id, { name: 'Fresh' }, [1, 2])).version).toBe(3)
    expect((await schedules.remove(id, [3])).id).toBe(id)
    await expect(schedules.remove(id, [3])).rejects.toThrow('Schedule not found')
  })

  it('lets one of many edits at once win, and the others are told', async () => {
    const { id } = await create()
    const edits = Array.from({ length: MANY }, (_, i) => stack.raw.schedules.update(id, { name: `Edit ${i}` }, [1]))
    expect(made(await Promise.allSettled(edits))).toBe(1)
    expect(await versionOf(id)).toBe(2)
  })
})

describe('the version of a source', () => {
  it('grows with each edit, and stays when its health is checked and when it is validated', async () => {
    const { sources } = stack.raw
    const before = await sourceVersion()
    expect((await sources.update(source_id, { name: 'New' })).version).toBe(before + 1)
    const inactive = await sources.update(source_id, { status: 'inactive' })
    const active = await sources.update(source_id, { status: 'active' })
    expect([inactive.version > before + 1, active.version > inactive.version]).toEqual([true, true])
    expect((await sources.validate(source_id)).version).toBe(active.version)

    const worker = await stack.addWorker()
    await stack.stub.set({ unreachable: true })
    await expect(sources.validate(source_id)).rejects.toThrow(/^Failed to validate/)
    await stack.engine.workflows.run(workflow_id, { input_value: 'down' }, { wait: false }) // it cannot be sent
    const suspended = () =>
      stack.db.sql.query('SELECT FROM sources WHERE id = $1 AND hold_from IS NOT NULL AND hold_until IS NULL', [
        source_id,
      ])
    await until(suspended, ({ rowCount }) => rowCount === 1)
    expect(await sources.get(source_id)).toMatchObject({ health: 'down', version: active.version })
    await stack.stub.set({ unreachable: false })
    await stack.db.sql.query('UPDATE sources SET check_at = spark_now() WHERE id = $1', [source_id])
    const back = await until(
      () => sources.get(source_id),
      ({ health }) => health === 'up',
    )
    expect(back.version).toBe(active.version)
    await stack.stopWorker(worker)
  })

  it('must be one that the caller names, or nothing is done and the server is not asked', async () => {
    const { sources } = stack.raw
    const version = await sourceVersion()
    stack.stub.clearCalls()
    for (const versions of [[version - 1], [version + 1], []]) {
      await isRefused(sources.update(source_id, { name: 'Stale', api_key: 'sk-stack-test' }, versions), version)
      await isRefused(sources.remove(source_id, versions), version)
    }
    expect(stack.stub.calls).toEqual([])
    expect(await sources.get(source_id)).toMatchObject({ name: 'New', version })
    expect((await sources.update(source_id, { name: 'Fresh' }, [version])).version).toBe(version + 1)
  })

  it('lets one of many edits at once win, and the others are told', async () => {
    const version = await sourceVersion()
    const edits = Array.from({ length: MANY }, (_, i) =>
      stack.raw.sources.update(source_id, { name: `Edit ${i}` }, [version]),
    )
    expect(made(await Promise.allSettled(edits))).toBe(1)
    expect(await sourceVersion()).toBe(version + 1)
  })

  it('is compared when it is deleted, too', async () => {
    const version = await sourceVersion()
    await stack.raw.sources.remove(source_id, [version])
    await expect(stack.raw.sources.remove(source_id, [version])).rejects.toThrow('Source not found')
  })
})
