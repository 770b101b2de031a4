import type { HttpPool } from '@automagik-spark/adapters'
import type { Db } from '@automagik-spark/db'
import { listen } from '@automagik-spark/db'
import { makeBackfill } from './backfill.ts'
import type { DbClock } from './clock.ts'
import { makeFlows } from './flows.ts'
import { makeHealth } from './health.ts'
import type { Ids } from './ids.ts'
import type { Logger } from './logger.ts'
import type { OpenSource } from './open-source.ts'
import { makeRuns } from './runs.ts'
import { makeSchedules } from './schedules.ts'
import { makeSources } from './sources.ts'
import { makeTasks } from './tasks.ts'
import { makeValidateRun } from './validate-run.ts'
import type { Vault } from './vault.ts'
import { makeWaiters } from './waiters.ts'
import type { WakeUps } from './wake-ups/wake-ups.ts'
import { makeWorkers } from './workers.ts'
import { makeWorkflows } from './workflows.ts'

export type EngineDeps = {
  url: string
  db: Db
  wakeUps: WakeUps
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

/** The use cases: a function for each call of the contract. */
export const startEngine = async (deps: EngineDeps) => {
  const { url, db, wakeUps, clock, ids, logger, random, vault, pool, openSource, addSecret, version, default_timeout } =
    deps
  const waiters = makeWaiters({ db, logger })
  const health = makeHealth({ db, wakeUps, clock, logger, random, version })
  await health.check()
  const listener = listen({
    url,
    name: 'spark-api-listen',
    channels: ['spark_done'],
    onMessage: (_channel, payload) => waiters.onDone(payload),
    onUp: waiters.onUp,
    onError: (error) => logger.warn({ err: error }, 'listening broke; connecting again'),
  })
  const validateRun = makeValidateRun({ db, openSource })
  const runs = makeRuns({ db, ids, waiters, validateRun, workersAlive: health.workersAlive, default_timeout })
  const flows = makeFlows({ db, openSource })

  return {
    sources: makeSources({ db, wakeUps, clock, ids, vault, pool, addSecret }),
    workflows: { ...makeWorkflows({ db, clock, ids, flows }), run: runs.run },
    tasks: makeTasks({ db, ids, waiters, validateRun }),
    schedules: {
      ...makeSchedules({ db, wakeUps, clock, ids, runs, validateRun, default_timeout }),
      backfill: makeBackfill({ db, ids, default_timeout }),
    },
    workers: makeWorkers({ db, clock }),
    health,
    async close() {
      waiters.close()
      await health.close()
      await listener.close()
    },
  }
}
export type Engine = Awaited<ReturnType<typeof startEngine>>
