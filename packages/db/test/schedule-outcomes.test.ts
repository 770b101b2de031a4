import { describe, expect, it } from 'vitest'
import type { Settlement } from '../src/index.ts'
import { settle } from '../src/index.ts'
import { addSchedule } from './fixtures.ts'
import { done, useQueue } from './queue-fixture.ts'

const t = useQueue()

describe('outcomes of a schedule', () => {
  it('counts failures in a row by plan, and forgets them at a success', async () => {
    const schedule = await addSchedule(t.sql, t.workflow_id, { dueInSeconds: 60 })
    const finish = async (status: Settlement['status'], trigger = 'schedule') => {
      const task = await t.takeOne()
      await t.sql.query('UPDATE tasks SET schedule_id = $2, trigger = $3 WHERE id = $1', [task.id, schedule, trigger])
      await settle(t.sql, [
        done(task, { status, ...(status === 'failed' && { error: 'x', error_code: 'flow_failed' as const }) }),
      ])
      return (await t.db.schedules.find(schedule))!
    }
    await finish('failed')
    expect(await finish('failed')).toMatchObject({ consecutive_failures: 2, last_success_at: null })
    expect(await finish('failed', 'manual')).toMatchObject({ consecutive_failures: 2 })
    expect(await finish('cancelled')).toMatchObject({ consecutive_failures: 2 })
    const success = await finish('completed')
    expect(success.consecutive_failures).toBe(0)
    expect(success.last_success_at).toBeInstanceOf(Date)
  })
})
