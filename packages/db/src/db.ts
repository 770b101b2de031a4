import { schemaOf } from './address.ts'
import { makeOccurrences } from './occurrences.ts'
import { makePrisma } from './prisma.ts'
import { makeSchedules } from './schedules.ts'
import { makeSources } from './sources.ts'
import type { Sql } from './sql.ts'
import { makePool } from './sql.ts'
import { makeTasks } from './tasks.ts'
import { makeWorkers } from './workers.ts'
import { makeWorkflows } from './workflows.ts'

export type DbOptions = {
  url: string
  /** Names the connections in pg_stat_activity: `spark-<name>…`. */
  name: string
  /** Connections for ordinary queries. */
  max?: number
  /** Server settings of each connection, instead of those of every pool. */
  settings?: Record<string, string>
  onError: (error: Error) => void
}

/** Ordinary queries and short transactions. */
export const makeDb = ({ url, name, max = 10, settings = {}, onError }: DbOptions) => {
  const sql = makePool({ url, name: `spark-${name}`, max, settings, onError })
  const prisma = makePrisma(sql.pool, schemaOf(url))
  return {
    sql,
    sources: makeSources(prisma, sql),
    workflows: makeWorkflows(prisma, sql),
    schedules: makeSchedules(sql),
    occurrences: makeOccurrences(sql),
    tasks: makeTasks(sql),
    workers: makeWorkers(prisma, sql),
    async close() {
      await prisma.$disconnect()
      await sql.close()
    },
  }
}
export type Db = ReturnType<typeof makeDb>

/** The planner goes astray on freshly filled tables (11 s of CPU instead of 1), so the queue's statements may only walk their indexes. */
const BY_INDEX = { enable_seqscan: 'off', enable_bitmapscan: 'off', enable_sort: 'off' }

/** The engine's own connections: one each, so that no part ever waits for another's. */
export const makeQueueDb = ({ url, name, onError }: Omit<DbOptions, 'max' | 'settings'>) => {
  const pool = (part: string, max: number, settings: Record<string, string> = {}) =>
    makePool({ url, name: `spark-${name}-${part}`, max, settings, onError })
  const fire = pool('fire', 1, BY_INDEX)
  // No claim is acted upon before its intent is committed, and whatever makes that one durable has made the claim durable before it.
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
