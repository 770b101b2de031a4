import { MINUTE } from '@automagik-spark/core'
import type { HealthCheck } from '../src/index.ts'
import { claimHealthChecks, lockDue, recordDown, recordUp, releaseUnsent } from '../src/index.ts'
import { addTask } from './fixtures.ts'
import type { Queue } from './queue-fixture.ts'

export const REASON = 'Nobody is there.'

type Shown = {
  status: string
  health: string
  health_reason: string | null
  hold_from: Date | null
  hold_until: Date | null
  suspect_at: Date | null
  check_at: Date | null
  check_began_at: Date | null
  checking_until: Date | null
  check_failures: number
  version: number
}

/** What happens to the source of a queue, and to its calls. */
export const makeSourceSteps = (t: Queue) => {
  const set = (what: string) => t.sql.query(`UPDATE sources SET ${what} WHERE id = $1`, [t.source_id])
  /** The next check, as if its time had come. */
  const nextCheck = async (): Promise<HealthCheck> => {
    await set(
      `checking_until = NULL, check_at = spark_now() - interval '1 second', check_began_at = check_began_at - interval '2 seconds', suspect_at = suspect_at - interval '2 seconds'`,
    )
    return (await claimHealthChecks(t.sql, MINUTE, 0.5, 10))[0]!
  }
  const seenDown = async (busy = false) => recordDown(t.sql, await nextCheck(), REASON, busy)
  /** Calls that could not be sent, as their worker writes it. */
  const notSent = async (...tasks: { id: string; token: string }[]) =>
    releaseUnsent(
      t.sql,
      tasks.map(({ id, token }) => ({
        id,
        token,
        source_id: t.source_id,
        error: REASON,
        error_code: 'source_unreachable' as const,
      })),
    )
  return {
    set,
    nextCheck,
    seenDown,
    seenUp: async () => recordUp(t.sql, await nextCheck(), { version: '1' }),
    notSent,
    source: async () => (await t.sql.query<Shown>('SELECT * FROM sources WHERE id = $1', [t.source_id])).rows[0]!,
    addTasks: (count: number) => Promise.all(Array.from({ length: count }, () => addTask(t.sql, t.workflow_id))),
    /** Makes manual runs scheduled ones. */
    async scheduled(...ids: string[]): Promise<void> {
      await t.sql.query(`UPDATE tasks SET trigger = 'schedule' WHERE id = ANY ($1::uuid[])`, [ids])
    },
    /** Claims a task, whose call is not sent. */
    async fail(id: string) {
      await t.sql.query(`UPDATE tasks SET ready_at = spark_now() WHERE id = $1`, [id])
      return (await notSent((await t.take()).find((one) => one.id === id)!))[0]!
    },
    async suspend() {
      await set('suspect_at = spark_now()')
      return seenDown()
    },
    /** The schedules that are due. */
    due: () => t.sql.transaction(async (tx) => (await lockDue(tx, 10)).map(({ id }) => id)),
  }
}
