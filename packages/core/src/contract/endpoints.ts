import type { Endpoint } from './endpoint.ts'
import { getHealth, getReady, getServiceInfo } from './health.ts'
import * as schedules from './schedules.ts'
import * as sources from './sources.ts'
import * as tasks from './tasks.ts'
import { listWorkers } from './workers.ts'
import * as workflows from './workflows.ts'

/** The API, row by row. */
export const endpoints: readonly Endpoint[] = [
  getHealth,
  getReady,
  getServiceInfo,
  sources.createSource,
  sources.listSources,
  sources.getSource,
  sources.updateSource,
  sources.replaceSource,
  sources.validateSource,
  sources.deleteSource,
  workflows.listWorkflows,
  workflows.listRemoteFlows,
  workflows.getRemoteFlow,
  workflows.syncWorkflow,
  workflows.getWorkflow,
  workflows.deleteWorkflow,
  workflows.runWorkflow,
  tasks.listTasks,
  tasks.getTask,
  tasks.deleteTask,
  tasks.cancelTask,
  tasks.retryTask,
  tasks.replayTask,
  tasks.listTaskLogs,
  schedules.createSchedule,
  schedules.listSchedules,
  schedules.previewSchedule,
  schedules.getSchedule,
  schedules.replaceSchedule,
  schedules.updateSchedule,
  schedules.deleteSchedule,
  schedules.enableSchedule,
  schedules.disableSchedule,
  schedules.runSchedule,
  schedules.backfillSchedule,
  schedules.listOccurrences,
  listWorkers,
]
