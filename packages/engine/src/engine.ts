import type { HttpPool } from '@automagik-spark/adapters'
import type { Db } from '@automagik-spark/db'
import { listen } from '@automagik-spark/db'
import { makeBackfill } from './backfill.ts'
import type { DbClock } from './clock.ts'
import { makeFlows } from './flows.ts'
import type { Ids } from './ids.ts'
import type { Logger } from './logger.ts'
import type { Queue } from './queue.ts'
import type { OpenSource } from './remote.ts'
import { makeRunCheck } from './run-check.ts'
import { makeRuns } from './runs.ts'
import { makeSchedules } from './schedules.ts'
import { makeService } from './service.ts'
import { makeSources } from './sources.ts'
import { makeTasks } from './tasks.ts'
import type { Vault } from './vault.ts'
import { makeWaiters } from './waiters.ts'
import { makeWorkers } from './workers.ts'
import { makeWorkflows } from './workflows.ts'

export type EngineDeps = {
  url: string
  db: Db
  queue: Queue
  clock: DbClock
  ids: Ids
  logger: Logger
  random: () => number
  vault: Vault
  pool: HttpPool
  openSource: OpenSource
  addSecret: (secret: string) => void
  version: string
  /** Seconds. */
  default_timeout: number
}

/** What users can do, each call of the contract a function. */
export const startEngine = async (deps: EngineDeps) => {
  const { url, db, queue, clock, ids, logger, random, vault, pool, openSource, addSecret, version, default_timeout } =
    deps
  const waiters = makeWaiters({ db, logger })
  const service = makeService({ db, queue, clock, logger, random, version })
  await service.look()
  const listener = listen({
    url,
    name: 'spark-api-listen',
    channels: ['spark_done'],
    onMessage: (_channel, payload) => waiters.onDone(payload),
    onUp: waiters.onUp,
    onError: (error) => logger.warn({ err: error }, 'listening broke; connecting again'),
  })
  const check = makeRunCheck({ db, openSource })
  const runs = makeRuns({ db, ids, waiters, check, workersAlive: service.workersAlive, default_timeout })
  const flows = makeFlows({ db, openSource })

  return {
    sources: makeSources({ db, queue, clock, ids, vault, pool, addSecret }),
    workflows: { ...makeWorkflows({ db, clock, ids, flows }), run: runs.run },
    tasks: makeTasks({ db, ids, waiters, check }),
    schedules: {
      ...makeSchedules({ db, queue, clock, ids, runs, check, default_timeout }),
      backfill: makeBackfill({ db, ids, default_timeout }),
    },
    workers: makeWorkers({ db, clock }),
    service,
    async close() {
      waiters.close()
      await service.close()
      await listener.close()
    },
  }
}
export type Engine = Awaited<ReturnType<typeof startEngine>>
