import type { Part } from './part.ts'
import { idle } from './parts/idle.ts'
import { large } from './parts/large.ts'
import { oneTime } from './parts/one-time.ts'
import { overhead } from './parts/overhead.ts'
import { runs } from './parts/runs.ts'
import { schedules } from './parts/schedules.ts'
import { spread } from './parts/spread.ts'
import { tasks } from './parts/tasks.ts'
import { workers } from './parts/workers.ts'

/** In the order in which they are measured. */
export const PARTS: readonly Part[] = [tasks, runs, overhead, large, schedules, oneTime, workers, spread, idle]
