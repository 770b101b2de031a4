import { randomUUID } from 'node:crypto'
import type { ClaimedTask, Settlement, Sql } from '@automagik-spark/db'
import { claim, prolongLeases, settlementOf } from '@automagik-spark/db'
import { makeLogger } from '@automagik-spark/runtime'
import { patient } from '@automagik-spark/testing'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Settler } from '../src/settle.ts'
import { makeSettler } from '../src/settle.ts'
import { makeTaskLog } from '../src/task-log.ts'
import { makeTroubles } from '../src/troubles.ts'
import { clear, useStack } from './stack.ts'

const PAGE = { limit: 50, offset: 0 }
const stack = useStack()
let settler: Settler
let workflow_id: string
/** How many tasks each statement named, in the order of the statements. */
const batches: number[] = []
beforeAll(async () => {
  workflow_id = (await stack.sync()).workflow.id
  const logger = makeLogger({ level: 'silent', format: 'json' })
  const sql: Sql = {
    query(text, values, options) {
      if (Array.isArray(values?.[0])) batches.push(values[0].length)
      return stack.db.sql.query(text, values, options)
    },
  }
  settler = makeSettler({
    sql,
    logger,
    troubles: makeTroubles({ logger }),
    taskLog: makeTaskLog({ sql: stack.db.sql, logger }),
    secondTimers: { arm: () => undefined },
    circuitBreakers: { review: async () => undefined },
    pauseFailing: async () => undefined,
  })
})
beforeEach(async () => {
  await clear(stack, 'tasks')
  batches.length = 0
})

/** Tasks in hand, as a worker claims them. */
const take = async (count: number): Promise<ClaimedTask[]> => {
  for (let i = 0; i < count; i++) await stack.engine.workflows.run(workflow_id, 'x', { wait: false })
  return claim(stack.db.sql, { worker_id: randomUUID(), token: randomUUID(), slots: count, leaseMs: 60_000 })
}
const end = (task: { id: string; token: string }, result = 'x'): Settlement =>
  settlementOf(task, { status: 'completed', output: JSON.stringify({ result }) })

describe('the settler', () => {
  it('fails the run whose answer PostgreSQL refuses, and writes those that came with it', async () => {
    // A data error of PostgreSQL that comes when the test wants it.
    await stack.db.sql.query(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '22P05'; END $$;
       CREATE TRIGGER refuse BEFORE UPDATE ON tasks FOR EACH ROW WHEN (NEW.output::json ->> 'result' = 'refuse me') EXECUTE FUNCTION refuse()`,
    )
    const [good, bad, other] = await take(3)
    expect(
      await Promise.all([
        settler.settle(end(good!), 1),
        settler.settle(end(bad!, 'refuse me'), 1),
        settler.settle(end(other!), 1),
      ]),
    ).toEqual([true, true, true])
    await stack.db.sql.query('DROP TRIGGER refuse ON tasks')
    expect(await stack.engine.tasks.get(bad!.id)).toMatchObject({
      status: 'failed',
      error_code: 'bad_answer',
      output_data: null,
    })
    for (const { id } of [good!, other!]) expect((await stack.engine.tasks.get(id)).status).toBe('completed')
  })

  it('keeps a late answer in the log, and changes nothing', async () => {
    const [task] = await take(1)
    expect(await settler.settle(end({ id: task!.id, token: randomUUID() }), 1)).toBe(false)
    expect((await stack.engine.tasks.get(task!.id)).status).toBe('running')
    expect((await stack.engine.tasks.logs(task!.id, PAGE)).items).toContainEqual(
      expect.objectContaining({ type: 'late_answer', message: expect.stringContaining('ended completed') }),
    )
    expect(await prolongLeases(stack.db.sql, [task!], 60_000)).toHaveLength(1)
  })

  it('keeps a large answer in its own table, and shows it whole in the run', async () => {
    const [task] = await take(1)
    await settler.settle({ ...end(task!, 'short'), full_output: '{"result":"the whole of it"}' }, 1)
    expect((await stack.engine.tasks.get(task!.id)).output_data).toEqual({ result: 'the whole of it' })
    expect((await stack.engine.tasks.list(PAGE)).items[0]!.output_data).toEqual({ result: 'short' })
  })

  it(
    'writes answers that are together too large for one statement in several',
    async () => {
      const tasks = await take(7)
      const full_output = JSON.stringify({ result: 'x'.repeat(10 * 1024 * 1024) })
      await Promise.all(tasks.map((task) => settler.settle({ ...end(task, 'short'), full_output }, 1)))
      const { rows } = await stack.db.sql.query(
        `SELECT count(*)::int AS count, min(length(output::json ->> 'result')) AS least FROM task_outputs`,
      )
      expect(rows).toEqual([{ count: 7, least: 10 * 1024 * 1024 }])
      // At most 32 Mi characters each: 50 such answers in one text would be more than Node and PostgreSQL take.
      expect(batches.toSorted()).toEqual([1, 3, 3])
    },
    patient(30_000),
  )
})
