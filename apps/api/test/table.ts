import type { Endpoint } from '@automagik-spark/core'
import { endpoints } from '@automagik-spark/core'
import { ID } from './fake-engine.ts'

/** A body that each call with a body accepts. */
const bodies: Record<string, unknown> = {
  sources_create: { url: 'http://localhost:7860' },
  sources_update: { name: 'New' },
  sources_replace: { name: 'New' },
  workflows_run: { input_value: 'Hello' },
  schedules_create: { workflow_id: ID, schedule_type: 'interval', schedule_expr: '5m' },
  schedules_replace: { schedule_expr: '10m' },
  schedules_update: { name: 'New' },
  schedules_backfill: { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' },
  schedules_disable: { reason: 'holidays' },
}

const parameters: Record<string, string> = { id: ID, flow_id: 'flow-1' }

/** The query of each call that must have one. */
const queries: Record<string, string> = { schedules_preview: '?schedule_type=interval&schedule_expr=5m' }

export type Row = {
  id: string
  method: string
  path: string
  query: string
  body: unknown
  takesBody: boolean
  endpoint: Endpoint
}

/** The endpoint table as requests that succeed. */
export const rows: Row[] = endpoints.map((endpoint) => ({
  id: endpoint.id,
  method: endpoint.method.toUpperCase(),
  path: `${endpoint.root ? '' : '/api/v1'}${endpoint.path}`.replace(/\{(\w+)\}/g, (_, name: string) =>
    endpoint.id === 'workflows_sync' ? 'new' : (parameters[name] ?? name),
  ),
  query: queries[endpoint.id] ?? '',
  body: bodies[endpoint.id],
  takesBody: endpoint.body !== undefined || endpoint.emptyBody === true,
  endpoint,
}))
export const closed = rows.filter(({ endpoint }) => !endpoint.open)
