import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ToDo } from '../src/index.ts'
import { claim, findToDo } from '../src/index.ts'
import { addSchedule, addTask } from './fixtures.ts'
import { useQueue } from './queue-fixture.ts'

const t = useQueue()
beforeEach(() => set(`check_at = spark_now() + interval '1 minute'`))

const MINUTE_MS = 60_000
const NOTHING: ToDo = {
  tasks: false,
  schedules: false,
  leases: false,
  seen_up: false,
  waiting: false,
  checks: false,
  deleted: false,
}
const set = (what: string) => t.sql.query(`UPDATE sources SET ${what} WHERE id = $1`, [t.source_id])
/** What there is to do, by name. */
const toDo = async () =>
  Object.entries(await findToDo(t.sql, MINUTE_MS)).flatMap(([name, found]) => (found ? [name] : []))

describe('what is to do', () => {
  it('is mostly nothing', async () => {
    await addSchedule(t.sql, t.workflow_id, { dueInSeconds: 60 })
    await addTask(t.sql, t.workflow_id, { readyInSeconds: 60 })
    expect(await findToDo(t.sql, MINUTE_MS)).toEqual(NOTHING)
  })

  it('is to claim a task that is ready, unless its source takes no calls', async () => {
    await addTask(t.sql, t.workflow_id, { serial_key: randomUUID(), dueInSeconds: -1 })
    expect(await toDo()).toEqual(['tasks'])
    await set('suspect_at = spark_now()')
    expect(await toDo()).toEqual(['checks'])
  })

  it('is to fire a schedule that is due, unless its source is suspended', async () => {
    await addSchedule(t.sql, t.workflow_id)
    expect(await toDo()).toEqual(['schedules'])
    await set('hold_from = spark_now()')
    expect(await toDo()).toEqual(['waiting'])
  })

  it('is to take over a running task whose lease is over', async () => {
    await addTask(t.sql, t.workflow_id)
    await claim(t.sql, { worker_id: randomUUID(), token: randomUUID(), slots: 1, leaseMs: MINUTE_MS })
    expect(await toDo()).toEqual([])
    await t.sql.query(`UPDATE tasks SET lease_until = spark_now() - interval '1 second'`)
    expect(await toDo()).toEqual(['leases'])
  })

  it('is to show a source as up that a call has reached since it was seen down', async () => {
    await set(`health = 'down', checked_at = spark_now() - interval '1 second'`)
    expect(await toDo()).toEqual([])
    await t.sql.query('INSERT INTO source_outcomes (source_id, reached_at) VALUES ($1, spark_now())', [t.source_id])
    expect(await toDo()).toEqual(['seen_up'])
  })

  it('is to check a suspended source when there is a manual run of it, whenever its next check is due', async () => {
    await set(`hold_from = spark_now(), check_began_at = spark_now() - interval '2 seconds'`)
    expect(await toDo()).toEqual(['waiting'])
    await addTask(t.sql, t.workflow_id)
    expect(await toDo()).toEqual(['waiting', 'checks'])
    await set(`checking_until = spark_now() + interval '5 seconds'`)
    expect(await toDo()).toEqual(['waiting'])
  })

  it('is to fail manual runs of an inactive source', async () => {
    await set(`status = 'inactive'`)
    expect(await toDo()).toEqual(['waiting'])
  })

  it('is to check a source when its time has come, and when it was never checked', async () => {
    await set('check_at = spark_now()')
    expect(await toDo()).toEqual(['checks'])
    await set('check_at = NULL')
    expect(await toDo()).toEqual(['checks'])
  })

  it('is to delete the rows of what was deleted', async () => {
    await t.sql.query('UPDATE workflows SET deleted_at = spark_now() WHERE id = $1', [t.workflow_id])
    expect(await toDo()).toEqual(['deleted'])
    await t.sql.query('DELETE FROM workflows')
    expect(await toDo()).toEqual([])
    await set('deleted_at = spark_now()')
    expect(await toDo()).toEqual(['deleted'])
  })
})
