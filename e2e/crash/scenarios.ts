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
import { lostCall, takeOverAsking } from './recover-scenarios.ts'
import type { Scenario } from './scenario.ts'
import { createSource, editSource, removeSource, validateSource } from './source-scenarios.ts'
import { FIRE } from './steps.ts'
import {
  cancelPrevious,
  check,
  dueTime,
  handBack,
  hold,
  largeAnswer,
  overdue,
  pauseFailing,
  purge,
  reread,
  takeOver,
  turnedAway,
  wake,
} from './worker-scenarios.ts'

/** All of them, of contexts that each knows itself. */
export const scenarios = [
  dueTime,
  cancelPrevious,
  handBack,
  turnedAway,
  largeAnswer,
  takeOver,
  wake,
  hold,
  overdue,
  check,
  pauseFailing,
  purge,
  reread,
  lostCall,
  takeOverAsking,
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
export const thatArm = [{ ...dueTime, strikes: [FIRE] }, turnedAway, create, edit, enable].map(
  ({ commits, strikes = commits, ...rest }) => ({
    ...rest,
    commits: commits.filter(isInPostgres),
    strikes: strikes.filter(isInPostgres),
  }),
) as unknown as Scenario[]
