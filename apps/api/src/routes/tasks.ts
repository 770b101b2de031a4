import { cancelTask, deleteTask, getTask, listTaskLogs, listTasks, replayTask, retryTask } from '@automagik-spark/core'
import type { ApiEngine } from '../engine-port.ts'
import { handle, reply } from '../http/handle.ts'

export const taskRoutes = ({ tasks }: Pick<ApiEngine, 'tasks'>) => [
  handle(listTasks, ({ query }) => tasks.list(query)),
  handle(getTask, ({ params }) => tasks.get(params.id)),
  handle(deleteTask, ({ params }) => tasks.remove(params.id)),
  handle(cancelTask, async ({ params }) => {
    const { task, done } = await tasks.cancel(params.id)
    return reply(task, { status: done ? 200 : 202 })
  }),
  handle(retryTask, ({ params }) => tasks.retry(params.id)),
  handle(replayTask, async ({ params, body }) => {
    const task = await tasks.replay(params.id, body)
    return reply(task, { headers: { Location: `/api/v1/tasks/${task.id}` } })
  }),
  handle(listTaskLogs, ({ params, query }) => tasks.logs(params.id, query)),
]
