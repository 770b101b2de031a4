import { randomUUID } from 'node:crypto'
import { jsonText } from '@automagik-spark/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Channel, Listener } from '../src/index.ts'
import { claim, listen, markCalling, releaseTasks, settle, settlementOf, takeOver } from '../src/index.ts'
import { addSource, addTask, addWorkflow } from './fixtures.ts'
import { useQueue } from './queue-fixture.ts'

const t = useQueue()
let listener: Listener
const heard: { channel: Channel; payload: string }[] = []
beforeAll(async () => {
  await new Promise<void>((onUp) => {
    listener = listen({
      url: t.url,
      name: 'test-listen',
      channels: ['spark_ready', 'spark_done', 'spark_cancel'],
      onUp,
      onError: () => undefined,
      onMessage: (channel, payload) => void heard.push({ channel, payload }),
    })
  })
})
afterAll(() => listener.close())

/** What `act` announced: everything that arrives before a word that is said after it. */
const announcedBy = async (act: () => Promise<unknown>): Promise<string[]> => {
  heard.length = 0
  await act()
  const last = randomUUID()
  await t.sql.query(`SELECT pg_notify('spark_done', $1)`, [last])
  for (;;) {
    const end = heard.findIndex(({ payload }) => payload === last)
    if (end >= 0) return heard.slice(0, end).map(({ channel, payload }) => `${channel} ${payload}`.trim())
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('PostgreSQL notifies', () => {
  it('that a run can be claimed', async () => {
    const run = {
      id: randomUUID(),
      workflow_id: t.workflow_id,
      schedule_id: null,
      input: jsonText('x'),
      session_id: null,
      tweaks: null,
      timeout: 60,
      max_retries: 0,
      retry_on: 'safe' as const,
    }
    expect(await announcedBy(() => t.db.tasks.insertRuns([run]))).toEqual(['spark_ready'])
  })

  it('of all runs that ended together at once', async () => {
    const [one, two] = [await t.takeOne(), await t.takeOne()]
    const [word, ...none] = await announcedBy(() =>
      settle(
        t.sql,
        [one, two].map((task) => settlementOf(task, { status: 'completed', output: '{}' })),
      ),
    )
    expect(none).toEqual([])
    expect(word!.replace('spark_done ', '').split(',').sort()).toEqual([one.id, two.id].sort())
  })

  it('not of the end of a run that nobody waits for: one of a schedule, unless it is being cancelled', async () => {
    const [one, other] = [await t.takeOne({ serial_key: randomUUID() }), await t.takeOne({ serial_key: randomUUID() })]
    expect(await announcedBy(() => settle(t.sql, [settlementOf(one, { status: 'completed', output: '{}' })]))).toEqual(
      [],
    )
    expect(await announcedBy(() => t.db.tasks.cancel(other.id))).toEqual([`spark_cancel ${other.id}`])
    // It may end before it is stopped.
    expect(
      await announcedBy(() => settle(t.sql, [settlementOf(other, { status: 'completed', output: '{}' })])),
    ).toEqual([`spark_done ${other.id}`])
  })

  it('of nothing when a settle was refused', async () => {
    const { id } = await t.takeOne()
    const late = settlementOf({ id, token: randomUUID() }, { status: 'completed', output: '{}' })
    expect(await announcedBy(() => settle(t.sql, [late]))).toEqual([])
  })

  it('that a released task can be claimed', async () => {
    const task = await t.takeOne()
    expect(await announcedBy(() => releaseTasks(t.sql, [task], 'test'))).toEqual(['spark_ready'])
  })

  it('that a task which was taken over can be claimed, or is over', async () => {
    const unsent = await t.takeOne()
    await t.expire(unsent.id)
    expect(await announcedBy(() => takeOver(t.sql, 10_000, Math.random))).toContain('spark_ready')
    const [sent] = await claim(t.sql, { worker_id: randomUUID(), token: randomUUID(), slots: 1, leaseMs: 30_000 })
    await markCalling(t.sql, [sent!])
    await t.expire(sent!.id)
    expect(await announcedBy(() => takeOver(t.sql, 10_000, Math.random))).toEqual([`spark_done ${sent!.id}`])
  })

  it('that a pending task was cancelled, which makes room, and that a running one must stop', async () => {
    const pending = await addTask(t.sql, t.workflow_id, { readyInSeconds: 60 })
    expect(await announcedBy(() => t.db.tasks.cancel(pending))).toEqual([`spark_done ${pending}`, 'spark_ready'])
    const { id } = await t.takeOne()
    expect(await announcedBy(() => t.db.tasks.cancel(id))).toEqual([`spark_cancel ${id}`])
  })

  it('that a task was deleted, for its worker and those who wait for it', async () => {
    const { id } = await t.takeOne()
    expect(await announcedBy(() => t.db.tasks.remove(id))).toEqual([
      `spark_cancel ${id}`,
      `spark_done ${id}`,
      'spark_ready',
    ])
  })

  it('that the runs of a deleted workflow or source must stop', async () => {
    const { id } = await t.takeOne()
    expect(await announcedBy(() => t.db.workflows.hide(t.workflow_id))).toEqual([`spark_cancel ${id}`])
    const source_id = await addSource(t.sql)
    t.workflow_id = await addWorkflow(t.sql, source_id)
    const other = await t.takeOne()
    expect(await announcedBy(() => t.db.sources.hide(source_id))).toEqual([`spark_cancel ${other.id}`])
  })
})
