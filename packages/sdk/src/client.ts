import { type Fetch, makeSend, type OnAnswer } from './request.ts'
import { makeHealth } from './resources/health.ts'
import { makeSchedules } from './resources/schedules.ts'
import { makeSources } from './resources/sources.ts'
import { makeTasks } from './resources/tasks.ts'
import { makeWorkers } from './resources/workers.ts'
import { makeWorkflows } from './resources/workflows.ts'

export type SparkOptions = {
  /** Where the API is; default `http://localhost:8883`. */
  baseUrl?: string | undefined
  apiKey?: string | undefined
  /** Milliseconds that a call may take, retries included; default 60,000. Runs that are waited for have limits of their own. */
  timeout?: number | undefined
  /** How often a call that is safe to repeat is tried again; default 2. */
  maxRetries?: number | undefined
  /** Used in place of the global fetch; gets a `Request`. */
  fetch?: Fetch | undefined
  /** Sees each good answer with the server's own text: for who has to show it letter by letter. */
  onAnswer?: OnAnswer | undefined
}

/** An address without trailing slash; one with `/api/v1` means the same. */
const checkedUrl = (text: string): string => {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new TypeError(`baseUrl: "${text}" is no URL; it should look like http://localhost:8883`)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError(`baseUrl: "${text}" must begin with http:// or https://`)
  if (url.username || url.password) throw new TypeError('baseUrl must not contain a user name or password')
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '').replace(/\/api\/v1$/, '')
}

/** The client of the Spark API. */
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
    // Checked here because the platform's own complaint about a header would quote the key.
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
