import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const KEY = 'sk-test-0123456789abcdef'
export const ids = {
  source: '0199a1b2-0000-7000-8000-000000000001',
  workflow: '0199a1b2-0000-7000-8000-000000000002',
  task: '0199a1b2-0000-7000-8000-000000000003',
  schedule: '0199a1b2-0000-7000-8000-000000000004',
}

const AT = '2026-01-31T08:00:00.000Z'
const times = { created_at: AT, updated_at: AT }

export const source = {
  id: ids.source,
  name: 'My Langflow',
  source_type: 'langflow',
  url: 'http://localhost:7860',
  status: 'active',
  health: 'up',
  health_reason: null,
  checked_at: AT,
  max_concurrency: 40,
  version_info: { version: '1.7.3' },
  ...times,
}
export const workflow = {
  id: ids.workflow,
  name: 'Echo',
  description: 'Says it again',
  source: source.url,
  source_id: ids.source,
  remote_flow_id: 'flow-1',
  flow_type: 'flow',
  flow_version: 1,
  input_component: 'ChatInput-1',
  output_component: 'ChatOutput-1',
  is_component: false,
  folder_id: null,
  folder_name: null,
  icon: null,
  icon_bg_color: null,
  liked: false,
  tags: [],
  warnings: [],
  ...times,
  latest_run: 'NEW',
  task_count: 3,
  failed_task_count: 1,
  data: { nodes: ['a secret graph'] },
}
const remoteFlow = {
  id: 'flow-1',
  name: 'Echo',
  description: '',
  flow_type: 'flow',
  origin: { instance: 'My Langflow', source_url: source.url },
  components: [],
}
export const task = {
  id: ids.task,
  workflow_id: ids.workflow,
  schedule_id: null,
  status: 'completed',
  trigger: 'manual',
  scheduled_for: null,
  input_data: { value: 'Hello' },
  output_data: { result: 'Hello to you' },
  error: null as string | null,
  error_code: null,
  tries: 1,
  max_retries: 0,
  retry_on: 'safe',
  timeout: 600,
  next_retry_at: null,
  cancel_requested_at: null,
  started_at: AT,
  finished_at: '2026-01-31T08:00:01.500Z',
  replay_of: null,
  ...times,
}
export const schedule = {
  id: ids.schedule,
  workflow_id: ids.workflow,
  name: null,
  schedule_type: 'cron',
  schedule_expr: '0 8 * * *',
  timezone: 'Europe/Lisbon',
  input_value: 'hi',
  session_id: null,
  tweaks: null,
  status: 'active',
  paused_reason: null,
  warnings: [],
  next_run_at: '2026-07-01T07:00:00.000Z',
  next_due_at: '2026-07-01T07:00:00.000Z',
  last_run_at: null,
  last_success_at: null,
  consecutive_failures: 0,
  run_count: 0,
  overlap: 'skip',
  misfire: 'last',
  catchup_window: 86400,
  jitter: 0,
  start_at: null,
  end_at: null,
  max_runs: null,
  pause_after_failures: null,
  max_retries: 3,
  retry_on: 'safe',
  timeout: null,
  description: 'At 08:00',
  ...times,
}
const preview = {
  description: 'At 08:00 (UTC)',
  warnings: ['Mind the clock.'],
  next_runs: [{ at: AT, local: '2026-01-31T08:00:00+00:00' }],
}
const backfill = {
  dry_run: false,
  count: 1,
  due_times: [{ scheduled_for: AT, task_id: ids.task, was: 'missed', reason: 'misfire' }],
  already_started: 2,
  undecided: { scheduled_for: AT, until: null, count: 1, count_at_least: false },
}
const occurrence = {
  scheduled_for: AT,
  until: null,
  decided_at: AT,
  decision: 'started',
  reason: null,
  count: 1,
  count_at_least: false,
  task_id: ids.task,
}
const event = { at: AT, type: 'created', message: 'created by a manual run', try: 0 }
const worker = {
  id: ids.task,
  hostname: 'box',
  pid: 42,
  status: 'active',
  current_tasks: 1,
  concurrency: 50,
  version: '0.1.0',
  started_at: AT,
  last_heartbeat: AT,
}
const health = (active_workers: number) => ({
  status: 'healthy',
  timestamp: AT,
  services: {
    api: { status: 'healthy', version: '0.1.0' },
    worker: { status: active_workers > 0 ? 'healthy' : 'down', active_workers },
    database: { status: 'healthy' },
    scheduler: { status: 'healthy', backend: 'postgres' },
  },
})

export type Received = {
  method: string
  path: string
  query: Record<string, string>
  headers: IncomingHttpHeaders
  body: unknown
  text: string
}
/** `text` is sent instead of the JSON of `body`. */
type Reply = { status?: number; body?: unknown; text?: string; headers?: Record<string, string> }
/** Answers some requests differently; undefined means the usual answer. */
export type Special = (request: Received, count: number) => Reply | 'hang' | 'hang up' | undefined

const page = (items: unknown[], { limit = '50', cursor = '0' }: Record<string, string>): unknown => {
  const from = Number(cursor)
  const end = from + Number(limit)
  const has_more = end < items.length
  return {
    items: items.slice(from, end),
    total: items.length,
    limit: Number(limit),
    offset: from,
    has_more,
    next_cursor: has_more ? String(end) : null,
  }
}

const usual = ({ method, path, query, headers }: Received): Reply => {
  if (path === '/health') return { body: health(1) }
  if (headers['x-api-key'] !== KEY)
    return { status: 401, body: { detail: headers['x-api-key'] ? 'Invalid API key' : 'X-API-Key header is missing' } }
  const [, kind, id, verb] = path.replace('/api/v1', '').split('/')
  if (method === 'GET' && id === undefined) {
    const one = { sources: source, workflows: workflow, tasks: task, schedules: schedule, workers: worker }[kind ?? '']
    if (one) return { body: page([one], query) }
  }
  if (kind === 'workflows' && id === 'remote')
    return { body: method === 'GET' && verb === undefined ? [remoteFlow] : { ...remoteFlow, data: { nodes: [] } } }
  if (kind === 'workflows' && id === 'sync')
    return verb === '*' ? { body: { synced: [workflow], failed: [] } } : { status: 201, body: workflow }
  if (verb === 'run' || verb === 'retry' || verb === 'replay')
    return {
      status: 202,
      body: { ...task, status: 'pending', started_at: null, finished_at: null, output_data: null, tries: 0 },
    }
  if (id === 'preview') return { body: preview }
  if (verb === 'logs') return { body: page([event], query) }
  if (verb === 'backfill') return { status: 202, body: backfill }
  if (verb === 'occurrences') return { body: page([occurrence], query) }
  if (verb === 'cancel') return { body: { ...task, status: 'cancelled' } }
  if (method === 'DELETE' && kind === 'sources') return { body: { message: 'Source deleted successfully' } }
  if (method === 'DELETE' && kind === 'workflows') return { body: { success: true } }
  const one = { sources: source, workflows: workflow, tasks: task, schedules: schedule }[kind ?? '']
  return one
    ? { status: method === 'POST' && id === undefined ? 201 : 200, body: one }
    : { status: 404, body: { detail: 'Not Found' } }
}

const send = (response: ServerResponse, { status = 200, body, text, headers }: Reply): void => {
  response
    .writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req-1', ...headers })
    .end(text ?? JSON.stringify(body))
}

/** A real server that answers like the API and records its requests. */
export const startFakeApi = async () => {
  const received: Received[] = []
  let special: Special = () => undefined
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://x')
      const text = Buffer.concat(chunks).toString()
      const one: Received = {
        method: request.method ?? '',
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: request.headers,
        body: text === '' ? undefined : JSON.parse(text),
        text,
      }
      received.push(one)
      const reply = special(one, received.length) ?? usual(one)
      if (reply === 'hang up') response.socket?.destroy()
      else if (reply !== 'hang') send(response, reply)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // a TCP server's address is never a string
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    answer: (how: Special) => (special = how),
    reset: () => {
      received.length = 0
      special = () => undefined
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
export type FakeApi = Awaited<ReturnType<typeof startFakeApi>>
export { health, page, remoteFlow }
