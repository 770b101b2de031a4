import type { RequestOptions, Spark } from '@automagik-spark/sdk'

type Loss = {
  /** What goes, counted. */
  goes: string
  /** The thing itself, for people. */
  name: string
}

const count = (number: number, one: string): string | null =>
  number === 0 ? null : `${number} ${one}${number === 1 ? '' : 's'}`
const all = (...counts: (string | null)[]): string => counts.filter((one) => one !== null).join(', ')

/** What a delete takes with it, asked from the API before it is done. */
export const lossOf = {
  async source(spark: Spark, id: string, request: RequestOptions): Promise<Loss> {
    const { name, url } = await spark.sources.get(id, request)
    const total = { workflows: 0, schedules: 0, tasks: 0 }
    for await (const { id: workflow_id, task_count } of spark.workflows.list({ source: id, limit: 100 }, request)) {
      total.workflows++
      total.tasks += task_count
      total.schedules += (await spark.schedules.list({ workflow_id, limit: 1 }, request)).total
    }
    return {
      name: `the source ${name ?? url}`,
      goes: all(
        '1 source',
        count(total.workflows, 'workflow'),
        count(total.schedules, 'schedule'),
        count(total.tasks, 'task'),
      ),
    }
  },
  async workflow(spark: Spark, id: string, request: RequestOptions): Promise<Loss> {
    const { name, task_count } = await spark.workflows.get(id, request)
    const { total } = await spark.schedules.list({ workflow_id: id, limit: 1 }, request)
    return {
      name: `the workflow ${name}`,
      goes: all('1 workflow', count(total, 'schedule'), count(task_count, 'task')),
    }
  },
  async schedule(spark: Spark, id: string, request: RequestOptions): Promise<Loss> {
    const { name, description } = await spark.schedules.get(id, request)
    const { total } = await spark.tasks.list({ schedule_id: id, status: 'pending', limit: 1 }, request)
    const cancelled = count(total, 'pending task')
    return {
      name: `the schedule ${name ?? `"${description}"`}`,
      goes: `1 schedule${cancelled ? ` and cancels ${cancelled}` : ''}`,
    }
  },
  async task(spark: Spark, id: string, request: RequestOptions): Promise<Loss> {
    const { status } = await spark.tasks.get(id, request)
    return { name: `the ${status} task ${id}`, goes: '1 task' }
  },
}
export type LossOf = (typeof lossOf)[keyof typeof lossOf]
