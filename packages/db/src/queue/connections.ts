import type { DbOptions } from '../db.ts'
import type { Sql } from '../sql.ts'
import { makePool } from '../sql.ts'

/** The planner may only walk the indexes of the queue: on freshly filled tables it chooses wrong plans (11 s of CPU instead of 1). */
const BY_INDEX = { enable_seqscan: 'off', enable_bitmapscan: 'off', enable_sort: 'off' }

/** A worker's connections to the queue. Each part has its own, so that no part waits for another; a caller names the part: `claim(queueDb.claim, …)`. */
export const makeQueueDb = ({ url, name, onError }: Omit<DbOptions, 'max' | 'settings'>) => {
  const pool = (part: string, max: number, settings: Record<string, string> = {}) =>
    makePool({ url, name: `spark-${name}-${part}`, max, settings, onError })
  const fire = pool('fire', 1, BY_INDEX)
  // A claim need not be on the disk at once: no flow is called before the intent is committed, and the disk has the claim before the intent.
  const claim = pool('claim', 1, { ...BY_INDEX, synchronous_commit: 'off' })
  const intend = pool('intend', 1, BY_INDEX)
  const settle = pool('settle', 2, BY_INDEX)
  const heartbeat = pool('heartbeat', 1, BY_INDEX)
  return {
    fire,
    claim: claim as Sql,
    intend: intend as Sql,
    settle: settle as Sql,
    heartbeat: heartbeat as Sql,
    close: async () =>
      void (await Promise.all([fire.close(), claim.close(), intend.close(), settle.close(), heartbeat.close()])),
  }
}
export type QueueDb = ReturnType<typeof makeQueueDb>
