// Runs one flow and prints its answer.
import { resultText, Spark } from '@automagik-spark/sdk'

const { SPARK_API_URL, SPARK_API_KEY, LANGFLOW_URL = 'http://localhost:7860', LANGFLOW_API_KEY } = process.env
const [flowId, input = 'Hello'] = process.argv.slice(2)
const spark = new Spark({ baseUrl: SPARK_API_URL, apiKey: SPARK_API_KEY })

const { items: sources } = await spark.sources.list({ limit: 100 })
if (!sources.some(({ url }) => url === LANGFLOW_URL))
  await spark.sources.create({ url: LANGFLOW_URL, api_key: LANGFLOW_API_KEY })
const workflow = await spark.workflows.sync(flowId, { source_url: LANGFLOW_URL })

const task = await spark.workflows.run(workflow.id, input)
if (task.status === 'completed') {
  console.log(resultText(task))
} else {
  console.error(`The task ${task.id} is ${task.status}: ${task.error}`)
  process.exitCode = 1
}
