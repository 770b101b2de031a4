import { MAX_PAGE_SIZE } from '@automagik-spark/core'
import type { RequestOptions, Spark } from '@automagik-spark/sdk'

type DeletePreview = {
  /** What is deleted, such as `1 workflow, 3 schedules`. */
  counts: string
  /** The deleted object itself, for the question. */
  name: string
}

const count = (number: number, one: string): string | null =>
  number === 0 ? null : `${number} ${one}${number === 1 ? '' : 's'}`
const joined = (...counts: (string | null)[]): string => counts.filter((one) => one !== null).join(', ')

/** Reads from the API what a delete would remove, before the user confirms it. */
export const previewDelete = {
  async source(spark: Spark, id: string, request: RequestOptions): Promise<DeletePreview> {
    const { name, url } = await spark.sources.get(id, request)
    const total = { workflows: 0, schedules: 0, tasks: 0 }
    for await (const { id: workflow_id, task_count } of spark.workflows.list(
      { source: id, limit: MAX_PAGE_SIZE },
      request,
    )) {
      total.workflows++
      total.tasks += task_count
      total.schedules += (await spark.schedules.list({ workflow_id, limit: 1 }, request)).total
    }
    return {
      name: `the source ${name ?? url}`,
      counts: joined(
        '1 source',
        count(total.workflows, 'workflow'),
        count(total.schedules, 'schedule'),
        count(total.tasks, 'task'),
      ),
    }
  },
  async workflow(spark: Spark, id: string, request: RequestOptions): Promise<DeletePreview> {
    const { name, task_count } = await spark.workflows.get(id, request)
    const { total } = await spark.schedules.list({ workflow_id: id, limit: 1 }, request)
    return {
      name: `the workflow ${name}`,
      counts: joined('1 workflow', count(total, 'schedule'), count(task_count, 'task')),
    }
  },
  async schedule(spark: Spark, id: string, request: RequestOptions): Promise<DeletePreview> {
    const { name, description } = await spark.schedules.get(id, request)
    const { total } = await spark.tasks.list({ schedule_id: id, status: 'pending', limit: 1 }, request)
    const cancelled = count(total, 'pending task')
    return {
      name: `the schedule ${name ?? `"${description}"`}`,
      counts: `1 schedule${cancelled ? ` and cancels ${cancelled}` : ''}`,
    }
  },
  async task(spark: Spark, id: string, request: RequestOptions): Promise<DeletePreview> {
    const { status } = await spark.tasks.get(id, request)
    return { name: `the ${status} task ${id}`, counts: '1 task' }
  },
}
export type PreviewDelete = (typeof previewDelete)[keyof typeof previewDelete]
