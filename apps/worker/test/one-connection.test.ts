import { beforeAll, describe, expect, it } from 'vitest'
import { newSchedule, until, useStack } from './stack.ts'

/**
 * A use case that asked for a second connection within its transaction would wait for itself here; in production ten at once would wait
 * for each other. Each function that the engine has is called, on a pool of one connection.
 */
const PAGE = { limit: 10, offset: 0 }
const stack = useStack({ connections: 1 })
const called = new Set<string>()
/** Notes what is called. */
const watched = <T extends object>(feature: string, functions: T): T =>
  new Proxy(functions, {
    get(target, name) {
      called.add(`${feature}.${String(name)}`)
      return Reflect.get(target, name) as unknown
    },
  })

beforeAll(async () => {
  await stack.addWorker()
})

describe('on a pool of one connection', () => {
  it('every use case ends: none asks for a second connection inside its transaction', async () => {
    const { engine, stub } = stack
    const [sources, workflows, tasks, schedules, workers] = [
      watched('sources', engine.sources),
      watched('workflows', engine.workflows),
      watched('tasks', engine.tasks),
      watched('schedules', engine.schedules),
      watched('workers', engine.workers),
    ]
    const source = await sources.create({ url: stub.url, api_key: 'sk-stack-test', max_concurrency: 40 })
    await sources.list(PAGE)
    await sources.get(source.id)
    await sources.update(source.id, { max_concurrency: 20 })
    await sources.validate(source.id)
    await workflows.remoteList({ source_url: stub.url, simplified: true })
    await workflows.remoteGet(stub.flows.echo, { source_url: stub.url })
    await workflows.sync(stub.flows.echo, {})
    await workflows.sync(stub.flows.slow, {})
    const [one, other] = (await workflows.list(PAGE)).items
    await workflows.get(one!.id)

    const { task } = await workflows.run(one!.id, 'x', { wait: true })
    await tasks.list(PAGE)
    await tasks.logs(task.id, PAGE)
    await tasks.replay(task.id, { input_value: 'y' })
    const { workflow: failing } = await stack.sync('fail')
    const failed = (await workflows.run(failing.id, 'x', { wait: true })).task
    expect((await tasks.retry(failed.id)).status).toBe('pending')
    await until(
      () => tasks.get(failed.id),
      ({ status }) => status === 'failed',
    )
    await tasks.cancel((await workflows.run(other!.id, 'x', { wait: false })).task.id)
    await tasks.remove(task.id)

    const schedule = await schedules.create(newSchedule({ workflow_id: one!.id, schedule_expr: '1h' }))
    schedules.preview({ schedule_type: 'interval', schedule_expr: '1h', timezone: 'UTC', count: 3 })
    await schedules.list(PAGE)
    await schedules.get(schedule.id)
    expect(await schedules.update(schedule.id, { workflow_id: other!.id, schedule_expr: '2h' })).toMatchObject({
      workflow_id: other!.id,
    })
    expect(
      await schedules.replace(schedule.id, newSchedule({ workflow_id: one!.id, schedule_expr: '1h' })),
    ).toMatchObject({ workflow_id: one!.id })
    await schedules.disable(schedule.id, 'for a while')
    await schedules.enable(schedule.id)
    await schedules.run(schedule.id)
    await schedules.occurrences(schedule.id, PAGE)
    await schedules.backfill(schedule.id, {
      from: new Date(stack.clock.now().getTime() - 3_600_000),
      to: new Date(stack.clock.now().getTime() - 60_000),
      dry_run: false,
    })
    await schedules.remove(schedule.id)
    await workers.list(PAGE)
    await workflows.remove(one!.id)
    await sources.remove(source.id)

    const all = Object.entries({
      sources: engine.sources,
      workflows: engine.workflows,
      tasks: engine.tasks,
      schedules: engine.schedules,
      workers: engine.workers,
    })
    expect([...called].sort()).toEqual(
      all.flatMap(([feature, functions]) => Object.keys(functions).map((name) => `${feature}.${name}`)).sort(),
    )
  })

  it('ten schedules that are given another workflow at once all get it', async () => {
    const { workflow: from, source } = await stack.sync('echo')
    const { workflow: to } = await stack.sync('slow')
    expect(source.id).toBe(to.source_id)
    const made = await Promise.all(
      Array.from({ length: 10 }, () =>
        stack.engine.schedules.create(newSchedule({ workflow_id: from.id, schedule_expr: '1h' })),
      ),
    )
    const changed = await Promise.all(made.map(({ id }) => stack.engine.schedules.update(id, { workflow_id: to.id })))
    expect(changed.map(({ workflow_id }) => workflow_id)).toEqual(made.map(() => to.id))
  })
})
