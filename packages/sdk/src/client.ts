import { type Fetch, makeSend, type OnAnswer } from './request.ts'
import { makeHealth } from './resources/health.ts'
import { makeSchedules } from './resources/schedules.ts'
import { makeSources } from './resources/sources.ts'
import { makeTasks } from './resources/tasks.ts'
import { makeWorkers } from './resources/workers.ts'
import { makeWorkflows } from './resources/workflows.ts'

export type SparkOptions = {
  /** Address of the API, default `http://localhost:8883`. A path before the API is kept. */
  baseUrl?: string | undefined
  /** Sent as `X-API-Key`; only `service.health` and `service.ready` work without one. */
  apiKey?: string | undefined
  /** Milliseconds for one call including its retries, default 60,000. `workflows.run` and `tasks.wait` have their own limits. */
  timeout?: number | undefined
  /** How many retries may follow the first try of a call that is safe to repeat, default 2. */
  maxRetries?: number | undefined
  /** Replaces the global `fetch`; gets a `Request`. */
  fetch?: Fetch | undefined
  /** Called with each successful answer and its JSON text, for programs that show it digit for digit. */
  onAnswer?: OnAnswer | undefined
}

/** The address without a slash or `/api/v1` at the end. */
const checkedUrl = (text: string): string => {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new TypeError(`baseUrl: "${text}" is not a URL; it should look like http://localhost:8883`)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError(`baseUrl: "${text}" must begin with http:// or https://`)
  if (url.username || url.password) throw new TypeError('baseUrl must not contain a user name or password')
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '').replace(/\/api\/v1$/, '')
}

/**
 * The client of the Spark API.
 *
 * @example
 * const spark = new Spark({ apiKey: process.env.SPARK_API_KEY })
 * const task = await spark.workflows.run(workflowId, 'Hello')
 * console.log(task.status, resultText(task))
 */
export class Spark {
  readonly baseUrl: string
  readonly sources: ReturnType<typeof makeSources>
  readonly workflows: ReturnType<typeof makeWorkflows>
  readonly tasks: ReturnType<typeof makeTasks>
  readonly schedules: ReturnType<typeof makeSchedules>
  readonly workers: ReturnType<typeof makeWorkers>
  readonly service: ReturnType<typeof makeHealth>

  constructor({
    baseUrl = 'http://localhost:8883',
    apiKey,
    timeout = 60_000,
    maxRetries = 2,
    fetch,
    onAnswer,
  }: SparkOptions = {}) {
    this.baseUrl = checkedUrl(baseUrl)
    // Checked here, because the platform's error about a bad header would show the key.
    if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey))
      throw new TypeError('apiKey must be printable ASCII without spaces')
    const send = makeSend({ baseUrl: this.baseUrl, apiKey, timeout, maxRetries, fetch, onAnswer })

    this.sources = makeSources(send)
    this.tasks = makeTasks(send)
    this.workflows = makeWorkflows(send, this.tasks.wait)
    this.schedules = makeSchedules(send)
    this.workers = makeWorkers(send)
    this.service = makeHealth(send)
  }
}
