import type { JobRepository } from 'agenda'

export const WAKE = 'wake'

/** Where Agenda keeps its jobs: the same few questions to PostgreSQL and to MongoDB. */
export type WakeStore = {
  readonly backend: 'mongodb' | 'postgres'
  /** Agenda's own way to its jobs. */
  readonly jobs: JobRepository
  /** Creates what is missing; to be called again whenever the store comes back, as it may come back empty. */
  prepare(): Promise<void>
  ping(): Promise<void>
  /** Inserts the seconds that have no waiting wake-up, and says that there is work when `announce` is set. */
  insert(seconds: Date[], announce: boolean): Promise<void>
  /** The seconds in [from, to) that have a waiting wake-up. */
  waiting(from: Date, to: Date): Promise<Date[]>
  /** The job runs from now on: its second may be armed again, since its handler may have looked before what the new one is for. */
  started(id: string, at: Date): Promise<void>
  close(): Promise<void>
}
