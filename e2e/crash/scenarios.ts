import {
  askRun,
  backfill,
  cancelPending,
  cancelRunning,
  create,
  disable,
  edit,
  enable,
  removeSchedule,
  removeTask,
  retry,
} from './api-scenarios.ts'
import { lostCall, takeOverRecovering } from './recover-scenarios.ts'
import type { Scenario } from './scenario.ts'
import { createSource, editSource, removeSource, validateSource } from './source-scenarios.ts'
import { FIRE } from './steps.ts'
import {
  cancelPrevious,
  check,
  dueTime,
  largeAnswer,
  overdue,
  pauseFailing,
  purge,
  rejected,
  releaseRun,
  reread,
  suspend,
  takeOver,
  wake,
} from './worker-scenarios.ts'

/** All of them, of contexts that each knows itself. */
export const scenarios = [
  dueTime,
  cancelPrevious,
  releaseRun,
  rejected,
  largeAnswer,
  takeOver,
  wake,
  suspend,
  overdue,
  check,
  pauseFailing,
  purge,
  reread,
  lostCall,
  takeOverRecovering,
  askRun,
  create,
  edit,
  disable,
  enable,
  backfill,
  removeSchedule,
  cancelPending,
  cancelRunning,
  retry,
  removeTask,
  createSource,
  editSource,
  validateSource,
  removeSource,
] as unknown as Scenario[] // play hands a scenario what the scenario itself prepared

const isInPostgres = (commit: string) => !commit.startsWith('agenda: ')
/** Those that arm wake-ups, with the wake-ups in MongoDB: then PostgreSQL sees nothing of them. */
export const thatArm = [{ ...dueTime, strikes: [FIRE] }, rejected, create, edit, enable].map(
  ({ commits, strikes = commits, ...rest }) => ({
    ...rest,
    commits: commits.filter(isInPostgres),
    strikes: strikes.filter(isInPostgres),
  }),
) as unknown as Scenario[]
