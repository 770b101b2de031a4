// Runs a workflow every night at 2:30 in Lisbon. Started again, it keeps the schedule that it made.
import { Spark } from '@automagik-spark/sdk'

const NAME = 'Nightly report'
const spark = new Spark({ baseUrl: process.env.SPARK_API_URL, apiKey: process.env.SPARK_API_KEY })
const [workflowId] = process.argv.slice(2)

const findByName = async () => {
  for await (const schedule of spark.schedules.list({ workflow_id: workflowId })) {
    if (schedule.name === NAME) return schedule
  }
  return null
}

const schedule =
  (await findByName()) ??
  (await spark.schedules.create({
    name: NAME,
    workflow_id: workflowId,
    schedule_type: 'cron',
    schedule_expr: '30 2 * * *',
    timezone: 'Europe/Lisbon',
    input_value: 'Write the report of yesterday',
    overlap: 'skip', // a run that takes until the next night is not joined by a second one
    max_retries: 3, // when Langflow is not reached, or is busy
  }))

console.log(`${schedule.description}. The next run is at ${schedule.next_run_at}.`)
