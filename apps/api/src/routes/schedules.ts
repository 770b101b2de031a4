import {
  backfillSchedule,
  createSchedule,
  deleteSchedule,
  disableSchedule,
  enableSchedule,
  getSchedule,
  listOccurrences,
  listSchedules,
  previewSchedule,
  replaceSchedule,
  runSchedule,
  updateSchedule,
} from '@automagik-spark/core'
import type { ApiEngine } from '../engine-port.ts'
import { handle, reply } from '../http/handle.ts'

export const scheduleRoutes = ({ schedules }: Pick<ApiEngine, 'schedules'>) => [
  handle(createSchedule, async ({ body }) => {
    const schedule = await schedules.create(body)
    return reply(schedule, { headers: { Location: `/api/v1/schedules/${schedule.id}` } })
  }),
  handle(listSchedules, ({ query }) => schedules.list(query)),
  // Before the path with an id, which would match it too.
  handle(previewSchedule, ({ query }) => schedules.preview(query)),
  handle(getSchedule, ({ params }) => schedules.get(params.id)),
  handle(replaceSchedule, ({ params, body }) => schedules.replace(params.id, body)),
  handle(updateSchedule, ({ params, body }) => schedules.update(params.id, body)),
  handle(deleteSchedule, ({ params }) => schedules.remove(params.id)),
  handle(enableSchedule, ({ params }) => schedules.enable(params.id)),
  handle(disableSchedule, ({ params, body }) => schedules.disable(params.id, body.reason ?? null)),
  handle(runSchedule, async ({ params }) => {
    const task = await schedules.run(params.id)
    return reply(task, { headers: { Location: `/api/v1/tasks/${task.id}` } })
  }),
  handle(backfillSchedule, async ({ params, body }) =>
    reply(await schedules.backfill(params.id, body), { status: body.dry_run ? 200 : 202 }),
  ),
  handle(listOccurrences, ({ params, query }) => schedules.occurrences(params.id, query)),
]
