// `npm run demo`: Spark with a stub Langflow as its source, one synced echo flow and a schedule every minute.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { runInForeground } from './lib/foreground.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const built = (path) => import(new URL(`../${path}`, import.meta.url).href)
const { startStubLangflow } = await built('packages/testing/dist/index.js')
const { Spark } = await built('packages/sdk/dist/index.js')

const KEY = 'sk-demo-langflow'
const STUB_PORT = Number(process.env.SPARK_DEMO_LANGFLOW_PORT ?? 7861) // 7860 is left to a real Langflow
const DATA_DIR = resolve(root, process.env.SPARK_DATA_DIR ?? '.spark-demo')
const SCHEDULE = 'Good morning, every minute'
const READY_TRIES = 600

const say = (text) => process.stderr.write(`${text}\n`)
const read = (name) => {
  try {
    return readFileSync(join(DATA_DIR, name), 'utf8').trim()
  } catch {
    return null
  }
}

const stub = await startStubLangflow({ key: KEY, port: STUB_PORT }).catch((error) => {
  say(`The sample Langflow cannot listen on port ${STUB_PORT}: ${error.message}`)
  process.exit(1)
})

/** Waits until Spark is ready; null when it ended before. */
const whenReady = async () => {
  for (let i = 0; i < READY_TRIES && !over; i++) {
    const baseUrl = read('api-url')
    const apiKey = process.env.SPARK_API_KEY ?? read('api-key')
    if (baseUrl && apiKey) {
      const spark = new Spark({ baseUrl, apiKey, maxRetries: 0 })
      const ready = await spark.service.ready().then(
        ({ status }) => status === 'ready',
        () => false,
      )
      if (ready) return spark
    }
    await sleep(100)
  }
  return null
}

/** Makes what the demo shows. What an earlier demo made is kept. */
const setUp = async (spark) => {
  const { items: sources } = await spark.sources.list({ limit: 100 })
  if (!sources.some(({ url }) => url === stub.url))
    await spark.sources.create({ name: 'Sample Langflow', url: stub.url, api_key: KEY })
  const workflow = await spark.workflows.sync(stub.flows.echo, { source_url: stub.url })
  const { items: schedules } = await spark.schedules.list({ workflow_id: workflow.id, limit: 100 })
  const schedule =
    schedules.find(({ name }) => name === SCHEDULE) ??
    (await spark.schedules.create({
      name: SCHEDULE,
      workflow_id: workflow.id,
      schedule_type: 'interval',
      schedule_expr: '1m',
      input_value: 'Good morning!',
    }))
  const { items: tasks } = await spark.tasks.list({ schedule_id: schedule.id, limit: 1 })
  const first = tasks[0] ?? (await spark.schedules.run(schedule.id))
  const task = await spark.tasks.wait(first.id)
  const key = `$(cat '${join(DATA_DIR, 'api-key')}')`
  say(
    [
      `The sample Langflow is at ${stub.url}; its echo flow is synced and runs every minute.`,
      `  Its first run: ${task.status}, "${task.output_data?.result}"; the next is due at ${schedule.next_run_at}.`,
      `  See its runs:  curl -H "X-API-Key: ${key}" '${read('api-url')}/api/v1/tasks?schedule_id=${schedule.id}'`,
      '',
    ].join('\n'),
  )
}

let over = false
const running = runInForeground(['apps/cli/dist/main.js', 'start'], {
  cwd: root,
  env: { SPARK_DISCOVERY: 'false', ...process.env, SPARK_DATA_DIR: DATA_DIR },
})
void running.finally(() => (over = true))
whenReady()
  .then((spark) => spark && setUp(spark))
  .catch((error) => !over && say(`The sample could not be set up: ${error.message}`))
process.exitCode = await running
await stub.close()
