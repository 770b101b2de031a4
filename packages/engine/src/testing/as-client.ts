import type { CreateSchedule, ReplaceSchedule, TaskQuery } from '@automagik-spark/core'
import { listTasks, ReplayTask, RunRequest, Schedule, Task, UpdateSchedule, writeJson } from '@automagik-spark/core'
import { z } from 'zod'
import type { Engine } from '../engine.ts'

const shownTask = (task: Task): Task =>
  z.decode(Task, JSON.parse(writeJson(z.encode(Task, task))) as z.input<typeof Task>)
const shownSchedule = (schedule: Schedule): Schedule =>
  z.decode(Schedule, JSON.parse(writeJson(z.encode(Schedule, schedule))) as z.input<typeof Schedule>)

/** Asked and read as by a client: requests are decoded by their schemas, and answers are JSON that is decoded again. */
export const asClient = (engine: Engine) => {
  const { workflows, schedules, tasks } = engine
  return {
    ...engine,
    workflows: {
      ...workflows,
      run: async (id: string, request: z.input<typeof RunRequest>, options: Parameters<typeof workflows.run>[2]) => {
        const { task, ...rest } = await workflows.run(id, RunRequest.parse(request), options)
        return { ...rest, task: shownTask(task) }
      },
    },
    schedules: {
      ...schedules,
      list: async (query: Parameters<typeof schedules.list>[0]) => {
        const { items, ...rest } = await schedules.list(query)
        return { ...rest, items: items.map(shownSchedule) }
      },
      get: async (id: string) => shownSchedule(await schedules.get(id)),
      create: async (schedule: CreateSchedule) => shownSchedule(await schedules.create(schedule)),
      replace: async (id: string, schedule: ReplaceSchedule) => shownSchedule(await schedules.replace(id, schedule)),
      update: async (id: string, schedule: z.input<typeof UpdateSchedule>) =>
        shownSchedule(await schedules.update(id, UpdateSchedule.parse(schedule))),
      run: async (id: string) => shownTask(await schedules.run(id)),
    },
    tasks: {
      ...tasks,
      list: async (query: TaskQuery) =>
        z.decode(
          listTasks.response,
          JSON.parse((await tasks.list(query)).json_text) as z.input<typeof listTasks.response>,
        ),
      get: async (id: string) => z.decode(Task, JSON.parse((await tasks.get(id)).json_text) as z.input<typeof Task>),
      cancel: async (id: string) => {
        const { task, ...rest } = await tasks.cancel(id)
        return { ...rest, task: shownTask(task) }
      },
      remove: async (id: string) => shownTask(await tasks.remove(id)),
      retry: async (id: string) => shownTask(await tasks.retry(id)),
      replay: async (id: string, request: z.input<typeof ReplayTask>) =>
        shownTask(await tasks.replay(id, ReplayTask.parse(request))),
    },
  }
}
