/** Environment variables that an option sets. */
export type Overrides = Partial<Record<'API_PORT' | 'API_HOST' | 'SPARK_WORKER_CONCURRENCY', string>>
export type DbMigrated = { applied: string[] }
export type DbStatus = { applied: string[]; pending: string[] }

/**
 * The commands that run here instead of calling the API. A type of its own, so that the other commands load neither engine nor
 * database. A start resolves when the process has stopped.
 */
export type LocalCommands = {
  start: (overrides: Overrides) => Promise<void>
  apiStart: (overrides: Overrides) => Promise<void>
  workerStart: (overrides: Overrides) => Promise<void>
  dbMigrate: () => Promise<DbMigrated>
  dbStatus: () => Promise<DbStatus>
}
