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
import { expected, withEtag } from '../http/etag.ts'
import { handle, reply } from '../http/handle.ts'

export const scheduleRoutes = ({ schedules }: Pick<ApiEngine, 'schedules'>) => [
  handle(createSchedule, async ({ body }) => {
    const schedule = await schedules.create(body)
    return withEtag(schedule, { Location: `/api/v1/schedules/${schedule.id}` })
  }),
  handle(listSchedules, ({ query }) => schedules.list(query)),
  // Before the path with an id, which would match it too.
  handle(previewSchedule, ({ query }) => schedules.preview(query)),
  handle(getSchedule, async ({ params }) => withEtag(await schedules.get(params.id))),
  handle(replaceSchedule, async (call) => withEtag(await schedules.replace(call.params.id, call.body, expected(call)))),
  handle(updateSchedule, async (call) => withEtag(await schedules.update(call.params.id, call.body, expected(call)))),
  handle(deleteSchedule, (call) => schedules.remove(call.params.id, expected(call))),
  handle(enableSchedule, async (call) => withEtag(await schedules.enable(call.params.id, expected(call)))),
  handle(disableSchedule, async (call) =>
    withEtag(await schedules.disable(call.params.id, call.body.reason ?? null, expected(call))),
  ),
  handle(runSchedule, async ({ params }) => {
    const task = await schedules.run(params.id)
    return reply(task, { headers: { Location: `/api/v1/tasks/${task.id}` } })
  }),
  handle(backfillSchedule, async ({ params, body }) =>
    reply(await schedules.backfill(params.id, body), { status: body.dry_run ? 200 : 202 }),
  ),
  handle(listOccurrences, ({ params, query }) => schedules.occurrences(params.id, query)),
]
