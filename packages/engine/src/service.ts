import type { Health, Ready } from '@automagik-spark/core'
import type { Db } from '@automagik-spark/db'
import type { DbClock } from './clock.ts'
import type { Logger } from './logger.ts'
import type { Queue } from './queue.ts'
import { loop } from './run/loop.ts'
import { isDatabaseAway } from './unavailable.ts'

type Deps = { db: Db; queue: Pick<Queue, 'isUp' | 'backend'>; clock: DbClock; logger: Logger; random: () => number; version: string; everyMs?: number }

/** How the service is. It looks once a second, so that `/health` answers from memory. */
export const makeService = ({ db, queue, clock, logger, random, version, everyMs = 1_000 }: Deps) => {
  let database = true
  let workers = 0
  let stopping = false

  const look = async () => {
    try {
      const askedAt = performance.now()
      const { now, alive } = await db.workers.countAlive()
      clock.learn(now, performance.now() - askedAt)
      workers = alive
      if (!database) logger.info({}, 'database is back')
      database = true
    } catch (error) {
      if (database) logger.warn({ err: error }, 'database does not answer')
      database = false
    }
  }
  const looking = loop(everyMs, random, look, () => undefined)

  return {
    look,
    workersAlive: () => workers,

    health(): Health {
      const scheduler = queue.isUp()
      return {
        status: database && workers > 0 && scheduler && !stopping ? 'healthy' : 'degraded',
        timestamp: clock.now(),
        services: {
          api: { status: stopping ? 'stopping' : 'healthy', version },
          worker: { status: workers > 0 ? 'healthy' : 'down', active_workers: workers },
          database: { status: database ? 'healthy' : 'down' },
          scheduler: { status: scheduler ? 'healthy' : 'down', backend: queue.backend },
        },
      }
    },

    /** Can requests be served? Without a worker they can: they wait. */
    ready(): Ready {
      if (stopping) return { status: 'not ready', reason: 'shutting down' }
      if (!database) return { status: 'not ready', reason: 'the database does not answer' }
      return { status: 'ready', reason: null }
    },

    isUnavailable: isDatabaseAway,

    shutDown() {
      stopping = true
    },

    close: looking.stop,
  }
}
export type Service = ReturnType<typeof makeService>
