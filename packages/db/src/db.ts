import { schemaOf } from './address.ts'
import { makeOccurrences } from './occurrences.ts'
import { makePrisma } from './prisma.ts'
import { makeSchedules } from './schedules.ts'
import { makeSources } from './sources.ts'
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

/**
 * Ordinary queries and short transactions, all on one pool of connections. `prisma.…` reads and writes single rows; `sql.query` is a statement that
 * this package wrote. A table that gets only `sql` uses no Prisma. ("Prisma or pg?" in docs/architecture.md says which when.)
 */
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
