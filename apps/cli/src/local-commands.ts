/** Environment variables that an option sets. */
export type Overrides = Partial<Record<'API_PORT' | 'API_HOST' | 'SPARK_WORKER_CONCURRENCY', string>>
export type DbMigrated = { applied: string[] }
export type DbStatus = { applied: string[]; pending: string[] }

/** What the command line starts but does not contain; each promise is over when the process has stopped, or the work is done. */
export type Processes = {
  start: (overrides: Overrides) => Promise<void>
  apiStart: (overrides: Overrides) => Promise<void>
  workerStart: (overrides: Overrides) => Promise<void>
  dbMigrate: () => Promise<DbMigrated>
  dbStatus: () => Promise<DbStatus>
}
