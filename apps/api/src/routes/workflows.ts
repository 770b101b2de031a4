import {
  deleteWorkflow,
  getRemoteFlow,
  getWorkflow,
  listRemoteFlows,
  listWorkflows,
  runWorkflow,
  syncWorkflow,
} from '@automagik-spark/core'
import type { ApiEngine } from '../engine-port.ts'
import { handle, reply } from '../http/handle.ts'

const RESPOND_ASYNC = 'respond-async'
const preferences = (prefer = '') =>
  prefer.split(',').map((preference) => preference.split(';')[0]!.trim().toLowerCase())
/** `wait=N` (RFC 7240): the client waits no longer than N seconds. */
const waitSeconds = (preferred: string[]) =>
  preferred.flatMap((preference) => /^wait=(\d{1,5})$/.exec(preference)?.[1] ?? []).map(Number)[0]

/** URLs come from the store and are ASCII. What could break the header or its list is encoded even so. */
const headerList = (urls: readonly string[]) =>
  urls.map((url) => url.replace(/[^\x21-\x2b\x2d-\x7e]/gu, encodeURIComponent)).join(', ')

export const workflowRoutes = ({ workflows }: Pick<ApiEngine, 'workflows'>) => [
  handle(listWorkflows, ({ query }) => workflows.list(query)),
  handle(listRemoteFlows, async (call) => {
    const { flows, unreachable } = await workflows.remoteList(call.query, call.signal)
    return reply(flows, { headers: unreachable.length > 0 ? { 'X-Spark-Unreachable': headerList(unreachable) } : {} })
  }),
  handle(getRemoteFlow, ({ params, query }) => workflows.remoteGet(params.flow_id, query)),
  handle(syncWorkflow, async (call) => {
    const result = await workflows.sync(call.params.flow_id, call.query, call.signal)
    if ('synced' in result) return reply(result, { status: 200 })
    return reply(result.workflow, {
      status: result.created ? 201 : 200,
      headers: { Location: `/api/v1/workflows/${result.workflow.id}` },
    })
  }),
  handle(getWorkflow, ({ params }) => workflows.get(params.id)),
  handle(deleteWorkflow, async ({ params }) => {
    await workflows.remove(params.id)
    return { success: true } as const
  }),
  handle(runWorkflow, async (call) => {
    const preferred = preferences(call.header('Prefer'))
    const isAsync = preferred.includes(RESPOND_ASYNC)
    const seconds = waitSeconds(preferred)
    const wait = call.query.wait && !isAsync
    const waited = {
      wait,
      ...(wait && { signal: call.signal }),
      ...(wait && seconds !== undefined && { wait_seconds: seconds }),
    }
    const { task, finished, cut_short } = await workflows.run(call.params.id, call.body, waited)
    const applied = isAsync ? RESPOND_ASYNC : cut_short && seconds !== undefined ? `wait=${seconds}` : null
    const headers = { Location: `/api/v1/tasks/${task.id}`, ...(applied && { 'Preference-Applied': applied }) }
    return reply(task, wait && finished ? { status: 200 } : { status: 202, headers })
  }),
]
