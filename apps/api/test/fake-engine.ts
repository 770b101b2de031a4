import type { Health, Page, Schedule, Source, Task, Workflow } from '@automagik-spark/core'
import { DomainError, getTask, listTasks, notFound, writeJson } from '@automagik-spark/core'
import type { JsonBody, Versioned } from '@automagik-spark/engine'
import { z } from 'zod'
import type { ApiEngine } from '../src/engine-port.ts'

/** As PostgreSQL makes it in the real one. */
const bodyOf = <T extends z.ZodType>(schema: T, value: z.output<T>): JsonBody => ({
  json_text: writeJson(z.encode(schema, value)),
})

export const NOW = new Date('2026-03-01T12:00:00.000Z')
export const ID = '019aa000-0000-7000-8000-000000000001'
export const OTHER_ID = '019aa000-0000-7000-8000-0000000000ff'

export const source: Versioned<Source> = {
  version: 3,
  id: ID,
  name: 'Lab',
  source_type: 'langflow',
  url: 'http://localhost:7860',
  status: 'active',
  health: 'up',
  health_reason: null,
  checked_at: NOW,
  max_concurrency: 40,
  version_info: { version: '1.6.0' },
  created_at: NOW,
  updated_at: NOW,
}
export const workflow: Workflow = {
  id: ID,
  name: 'Echo',
  description: '',
  source: source.url,
  source_id: ID,
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
  latest_run: 'NEW',
  task_count: 0,
  failed_task_count: 0,
  data: { nodes: [] },
  created_at: NOW,
  updated_at: NOW,
}
export const task: Task = {
  id: ID,
  workflow_id: ID,
  schedule_id: null,
  status: 'completed',
  trigger: 'manual',
  scheduled_for: null,
  input_data: { value: 'Hello' },
  output_data: { result: 'Hello' },
  error: null,
  error_code: null,
  tries: 1,
  max_retries: 0,
  retry_on: 'safe',
  timeout: 600,
  next_retry_at: null,
  cancel_requested_at: null,
  started_at: NOW,
  finished_at: NOW,
  replay_of: null,
  created_at: NOW,
  updated_at: NOW,
}
export const schedule: Versioned<Schedule> = {
  version: 5,
  id: ID,
  workflow_id: ID,
  name: null,
  schedule_type: 'interval',
  schedule_expr: '5m',
  timezone: 'UTC',
  input_value: null,
  session_id: null,
  tweaks: null,
  status: 'active',
  paused_reason: null,
  warnings: [],
  next_run_at: NOW,
  next_due_at: NOW,
  last_run_at: null,
  last_success_at: null,
  consecutive_failures: 0,
  run_count: 0,
  overlap: 'skip',
  misfire: 'last',
  catchup_window: 86_400,
  jitter: 0,
  start_at: null,
  end_at: null,
  max_runs: null,
  pause_after_failures: null,
  max_retries: 3,
  retry_on: 'safe',
  timeout: null,
  description: 'every 5 minutes',
  created_at: NOW,
  updated_at: NOW,
}
const health: Health = {
  status: 'healthy',
  reasons: [],
  timestamp: NOW,
  services: {
    api: { status: 'healthy', version: '0.1.0' },
    worker: { status: 'healthy', active_workers: 1 },
    database: { status: 'healthy' },
    scheduler: { status: 'healthy', backend: 'postgres' },
  },
}
export const pageOf = <T>(items: T[]): Page<T> => ({
  items,
  total: items.length,
  limit: 50,
  offset: 0,
  has_more: false,
  next_cursor: null,
})

const known = <T>(id: string, value: T, what: Parameters<typeof notFound>[0]): T => {
  if (id !== ID) throw notFound(what)
  return value
}

/** An engine that knows one thing of each kind. Its calls are written down, so that a test sees what arrived. */
export const makeFakeEngine = () => {
  const calls: [name: string, ...args: unknown[]][] = []
  const recorded = (all: ApiEngine): ApiEngine =>
    Object.fromEntries(
      Object.entries(all).map(([group, functions]) => [
        group,
        Object.fromEntries(
          Object.entries(functions as Record<string, (...args: unknown[]) => unknown>).map(([name, call]) => [
            name,
            (...args: unknown[]) => {
              calls.push([`${group}.${name}`, ...args])
              return call(...args)
            },
          ]),
        ),
      ]),
    ) as ApiEngine // the same functions, wrapped
  const engine: ApiEngine = recorded({
    sources: {
      create: async (input) => ({ ...source, url: input.url, name: input.name ?? null }),
      list: async () => pageOf([source]),
      get: async (id) => known(id, source, 'Source'),
      update: async (id) => known(id, source, 'Source'),
      validate: async (id) => known(id, source, 'Source'),
      remove: async (id) => known(id, undefined, 'Source'),
    },
    workflows: {
      list: async () => pageOf([workflow]),
      remoteList: async () => ({ flows: [], unreachable: [] }),
      remoteGet: async (flow_id) => {
        if (flow_id !== 'flow-1')
          throw new DomainError('not_found', `Flow ${flow_id} not found in source ${source.url}`)
        return {
          id: flow_id,
          name: 'Echo',
          description: '',
          flow_type: 'flow',
          origin: { instance: 'Lab', source_url: source.url },
          components: [],
        }
      },
      sync: async (flow_id) =>
        flow_id === '*'
          ? { synced: [workflow], failed: [{ flow_id: 'broken', detail: 'it has no output' }] }
          : { created: flow_id === 'new', workflow },
      get: async (id) => known(id, workflow, 'Workflow'),
      remove: async (id) => known(id, undefined, 'Workflow'),
      run: async (id, _request, { wait }) =>
        known(
          id,
          wait ? { task, finished: true } : { task: { ...task, status: 'pending' as const }, finished: false },
          'Workflow',
        ),
    },
    tasks: {
      list: async () => bodyOf(listTasks.response, pageOf([task])),
      get: async (id) => known(id, bodyOf(getTask.response, task), 'Task'),
      remove: async (id) => known(id, task, 'Task'),
      cancel: async (id) => known(id, { task, done: true }, 'Task'),
      retry: async (id) =>
        known(id, { ...task, status: 'pending' as const, started_at: null, finished_at: null }, 'Task'),
      replay: async (id) =>
        known(
          id,
          { ...task, id: OTHER_ID, status: 'pending' as const, trigger: 'replay' as const, replay_of: ID },
          'Task',
        ),
      logs: async (id) =>
        known(id, pageOf([{ at: NOW, type: 'created' as const, message: 'created by hand', try: 0 }]), 'Task'),
    },
    schedules: {
      create: async () => schedule,
      list: async () => pageOf([schedule]),
      preview: () => ({
        description: 'Every 5 minutes',
        warnings: [],
        next_runs: [{ at: NOW, local: '2026-01-01T00:00:00+00:00' }],
      }),
      get: async (id) => known(id, schedule, 'Schedule'),
      replace: async (id) => known(id, schedule, 'Schedule'),
      update: async (id) => known(id, schedule, 'Schedule'),
      remove: async (id) => known(id, schedule, 'Schedule'),
      enable: async (id) => known(id, schedule, 'Schedule'),
      disable: async (id, reason) =>
        known(id, { ...schedule, status: 'paused' as const, paused_reason: reason }, 'Schedule'),
      run: async (id) => known(id, { ...task, status: 'pending' as const, schedule_id: ID }, 'Schedule'),
      backfill: async (id, { dry_run }) =>
        known(
          id,
          {
            dry_run,
            count: 1,
            due_times: [
              { scheduled_for: NOW, task_id: dry_run ? null : ID, was: 'missed' as const, reason: 'misfire' as const },
            ],
            already_started: 0,
            undecided: null,
          },
          'Schedule',
        ),
      occurrences: async (id) =>
        known(
          id,
          pageOf([
            {
              scheduled_for: NOW,
              until: null,
              decided_at: NOW,
              decision: 'started' as const,
              reason: null,
              count: 1,
              count_at_least: false,
              task_id: ID,
            },
          ]),
          'Schedule',
        ),
    },
    workers: {
      list: async () =>
        pageOf([
          {
            id: ID,
            hostname: 'box',
            pid: 7,
            status: 'active' as const,
            current_tasks: 0,
            concurrency: 50,
            version: '0.1.0',
            trouble: null,
            started_at: NOW,
            last_heartbeat: NOW,
          },
        ]),
    },
    health: {
      report: () => health,
      ready: () => ({ status: 'ready', reason: null }),
      noteFailure: (error) =>
        error instanceof Error && error.message === 'the database is away'
          ? 'The database does not answer; try again in a moment'
          : null,
    },
  })
  return { engine, calls }
}
