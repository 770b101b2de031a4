import { makeDb } from '@automagik-spark/db'
import { isDatabaseAway, makeOpenSource, startEngine } from '@automagik-spark/engine'
import { asClient } from '@automagik-spark/engine/testing'
import { startStatementProxy, type StatementProxy } from '@automagik-spark/testing'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newSchedule, until, useStack } from './stack.ts'

const INSERT = 'INSERT INTO tasks AS t'
const stack = useStack()
let workflow_id: string
let proxy: StatementProxy
let engine: ReturnType<typeof asClient>
let closeDb: () => Promise<void>
beforeAll(async () => {
  workflow_id = (await stack.sync()).workflow.id
  await stack.addWorker()
})
beforeEach(async () => {
  proxy = await startStatementProxy(stack.url)
  const db = makeDb({ url: proxy.url, name: 'doubtful', onError: () => undefined })
  closeDb = db.close
  const { clock, ids, vault, pool, logger } = stack.parts
  const addSecret = () => undefined
  engine = asClient(
    await startEngine({
      url: proxy.url,
      db,
      wakeUps: stack.wakeUps,
      clock,
      ids,
      vault,
      pool,
      logger,
      addSecret,
      random: Math.random,
      openSource: makeOpenSource({ pool, vault, addSecret }),
      version: 'test',
      default_timeout: 30,
    }),
  )
})
afterEach(async () => {
  stack.stub.release()
  stack.stub.clearSwitches()
  if (!proxy.isOpen()) await proxy.open()
  await engine.close()
  await closeDb()
  await proxy.close()
})

const rows = async <T>(text: string, ...values: unknown[]) => (await stack.db.sql.query<T>(text, values)).rows
const tasksOf = (input: string) =>
  rows<{ id: string; status: string }>(
    'SELECT id, status FROM tasks WHERE input = to_json($1::text)::text ORDER BY id',
    input,
  )
const completed = (id: string) =>
  until(
    () => stack.engine.tasks.get(id),
    ({ status }) => status === 'completed',
  )
const callsOf = (input: string) => stack.stub.calls.filter((call) => call.input_value === input).length

describe('a run whose store goes away after it was stored', () => {
  it('is answered with the task in hand, and runs once', async () => {
    await stack.stub.set({ slow: 'held' })
    const asked = engine.workflows.run(workflow_id, 'away', { wait: true })
    await until(
      async () => callsOf('away'),
      (calls) => calls === 1,
    )
    await proxy.shut()
    const { task, finished } = await asked
    expect({ finished, status: task.status }).toEqual({ finished: false, status: 'pending' })
    stack.stub.release()
    expect(await completed(task.id)).toMatchObject({ tries: 1 })
    expect(await tasksOf('away')).toHaveLength(1)
  })

  it('is found when only the answer to its commit is lost', async () => {
    const lost = proxy.cutAnswer(INSERT)
    const asked = engine.workflows.run(workflow_id, 'unheard', { wait: true })
    await lost.seen
    expect(await asked).toMatchObject({ finished: true, task: { status: 'completed' } })
    expect(await tasksOf('unheard')).toHaveLength(1)
    expect(callsOf('unheard')).toBe(1)
  })

  it('is answered with its id and where to look when nobody can say whether it was stored', async () => {
    const lost = proxy.cutAnswer(INSERT)
    const asked = engine.workflows.run(workflow_id, 'doubtful', { wait: true }).catch((error: Error) => error)
    await lost.seen
    await proxy.shut()
    const [stored] = await until(
      () => tasksOf('doubtful'),
      (found) => found.length === 1,
    )
    expect(await asked).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(
        new RegExp(`task ${stored!.id} .*GET /api/v1/tasks/${stored!.id}: look there before sending again`),
      ) as string,
    })
    await completed(stored!.id)
  })

  it('is answered within its limits when PostgreSQL stands still, and may be there', async () => {
    const frozen = proxy.freezeAfter(INSERT)
    const asked = engine.workflows.run(workflow_id, 'frozen', { wait: true }).catch((error: Error) => error)
    await frozen.seen
    const said = await asked
    expect(said).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('look there before sending again') as string,
    })
    frozen.release()
    const [stored] = await until(
      () => tasksOf('frozen'),
      (found) => found.length === 1,
    )
    expect((said as Error).message).toContain(stored!.id)
  })

  it('may be sent again when it surely was not stored', async () => {
    await proxy.shut()
    await until(
      () => engine.tasks.get(workflow_id).then(() => false, isDatabaseAway),
      (away) => away,
    )
    const error = await engine.workflows
      .run(workflow_id, 'not there', { wait: true })
      .catch((failure: unknown) => failure)
    expect(isDatabaseAway(error)).toBe(true)
    expect(await tasksOf('not there')).toEqual([])
  })
})

describe('what else makes a flow run, when nobody can say whether it was stored', () => {
  /** The error when the answer to the commit is lost and PostgreSQL stays away. */
  const toldOf = async (statement: string, ask: () => Promise<unknown>): Promise<string> => {
    const lost = proxy.cutAnswer(statement)
    const asked = ask().then(
      () => 'it was done',
      (error: Error) => error.message,
    )
    await lost.seen
    await proxy.shut()
    return asked
  }
  const where = (path: string) => `GET /api/v1/${path}: look there before sending again`

  it('a run of a schedule names its task', async () => {
    const { id } = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_expr: '1h', input_value: 'of a schedule' }),
    )
    const said = await toldOf(INSERT, () => engine.schedules.run(id))
    const [stored] = await until(
      () => tasksOf('of a schedule'),
      (found) => found.length === 1,
    )
    expect(said).toContain(where(`tasks/${stored!.id}`))
  })

  it('a replay names its task', async () => {
    const { task } = await stack.engine.workflows.run(workflow_id, 'first', { wait: true })
    const said = await toldOf(INSERT, () => engine.tasks.replay(task.id, { input_value: 'again' }))
    const [stored] = await until(
      () => tasksOf('again'),
      (found) => found.length === 1,
    )
    expect(said).toContain(where(`tasks/${stored!.id}`))
  })

  it('another try by hand names the log of its task', async () => {
    const { workflow } = await stack.sync('fail')
    const failed = await stack.engine.workflows.run(workflow.id, 'fails', { wait: true })
    expect(await toldOf('COMMIT', () => engine.tasks.retry(failed.task.id))).toContain(
      where(`tasks/${failed.task.id}/logs`),
    )
  })

  it('a schedule is named, and found when only the answer to its commit is lost', async () => {
    const create = (input_value: string) =>
      engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h', input_value }))
    const stored = (input: string) =>
      rows<{ id: string }>('SELECT id FROM schedules WHERE input_value = to_json($1::text)::text', input)
    const lost = proxy.cutAnswer('COMMIT')
    const asked = create('heard late')
    await lost.seen
    expect(await stored('heard late')).toEqual([{ id: (await asked).id }])
    const said = await toldOf('COMMIT', () => create('never heard'))
    expect(said).toContain(where(`schedules/${(await stored('never heard'))[0]!.id}`))
  })
})
