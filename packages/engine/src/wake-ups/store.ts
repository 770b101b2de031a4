import type { JobRepository } from 'agenda'

export const WAKE = 'wake'

/** Where Agenda keeps its jobs: the same operations on PostgreSQL and on MongoDB. */
export type WakeStore = {
  readonly backend: 'mongodb' | 'postgres'
  /** Agenda's own repository of jobs. */
  readonly jobs: JobRepository
  /** Creates what is missing. Call it again whenever the store comes back: it may come back empty. */
  prepare(): Promise<void>
  ping(): Promise<void>
  /** Inserts the seconds that have no waiting wake-up. With `announce`, tells the workers to scan now. */
  insert(seconds: Date[], announce: boolean): Promise<void>
  /** The seconds in [from, to) that have a waiting wake-up. */
  waiting(from: Date, to: Date): Promise<Date[]>
  /** The job runs now, so its second may be armed again: the handler may have queried before the new row was committed. */
  started(id: string, at: Date): Promise<void>
  close(): Promise<void>
}
