import type {
  RemoteFlow,
  RunRequest,
  SyncedFlows,
  Task,
  Workflow,
  WorkflowDeleted,
  WorkflowItem,
  WorkflowsListQuery,
  WorkflowsRemoteGetQuery,
  WorkflowsRemoteListQuery,
  WorkflowsSyncQuery,
} from '../contract-types.ts'
import { TimeoutError } from '../errors.ts'
import { makeList } from '../page.ts'
import { dataOf, type RequestOptions, type Send } from '../request.ts'
import { isFinished, type WaitOptions } from './tasks.ts'

export type RunOptions = Omit<Exclude<RunRequest, string>, 'input_value'> & {
  /** False: answers with the pending task at once. */
  wait?: boolean | undefined
}
export type RemoteFlows = {
  flows: RemoteFlow[]
  /** The sources that could not be asked. */
  unreachable: string[]
}

/** How much longer than the run's own timeout its end is waited for. */
const GRACE_MS = 10_000
/** Node's fetch gives up after 300 s without an answer: the server is asked to answer before that with what there is, and then looked after. */
const ONE_CALL_S = 240
/** A whole source is synced flow by flow. */
const SYNC_ALL_TIMEOUT_MS = 600_000

export const makeWorkflows = (send: Send, waitForTask: (id: string, options: WaitOptions) => Promise<Task>) => {
  /** Copies one flow to Spark, or refreshes the copy. */
  function sync(
    flowId: '*',
    query: WorkflowsSyncQuery & { source_url: string },
    options?: RequestOptions,
  ): Promise<SyncedFlows>
  function sync(flowId: string, query?: WorkflowsSyncQuery, options?: RequestOptions): Promise<Workflow>
  function sync(flowId: string, query?: WorkflowsSyncQuery, options?: RequestOptions): Promise<Workflow | SyncedFlows> {
    const timeout = options?.timeout ?? (flowId === '*' ? SYNC_ALL_TIMEOUT_MS : undefined)
    return dataOf(
      send<Workflow | SyncedFlows>({ method: 'post', path: ['workflows', 'sync', flowId], query, ...options, timeout }),
    )
  }

  /** Waits for the end of a run that took longer than one call may. After its own timeout it is what it is, as the server would answer. */
  const lookAfter = async (started: Task, options: RequestOptions, leftMs: number): Promise<Task> => {
    let seen = started
    try {
      return await waitForTask(started.id, { signal: options.signal, timeout: leftMs, onPoll: (task) => (seen = task) })
    } catch (error) {
      if (error instanceof TimeoutError && options.timeout === undefined) return seen
      throw error
    }
  }

  return {
    list: (query?: WorkflowsListQuery, options?: RequestOptions) =>
      makeList<WorkflowItem>(send, ['workflows'], query, options),
    get: (id: string, options?: RequestOptions) =>
      dataOf(send<Workflow>({ method: 'get', path: ['workflows', id], ...options })),
    /** With its schedules and tasks. */
    delete: (id: string, options?: RequestOptions) =>
      dataOf(send<WorkflowDeleted>({ method: 'delete', path: ['workflows', id], ...options })),

    /** The flows of the connected servers, synced or not. */
    remote: async (query?: WorkflowsRemoteListQuery, options?: RequestOptions): Promise<RemoteFlows> => {
      const { data, headers } = await send<RemoteFlow[]>({
        method: 'get',
        path: ['workflows', 'remote'],
        query,
        ...options,
      })
      const unreachable = (headers.get('x-spark-unreachable') ?? '')
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '')
      return { flows: data, unreachable }
    },
    /** One whole flow from its server. */
    remoteFlow: (flowId: string, query?: WorkflowsRemoteGetQuery, options?: RequestOptions) =>
      dataOf(send<RemoteFlow>({ method: 'get', path: ['workflows', 'remote', flowId], query, ...options })),
    sync,

    /**
     * Runs a workflow now and answers with the finished task, also when the flow failed: look at `status`.
     * Without an input none is sent, and the flow runs with what it holds; `''` is an input.
     * The task is still pending when no worker is alive, and not finished when it isn't over soon after its timeout.
     * `run.timeout` is in seconds and belongs to the run; without `options.timeout` (milliseconds) the call waits as long as the run may take.
     */
    run: async (
      id: string,
      input?: unknown,
      { wait = true, ...run }: RunOptions = {},
      options: RequestOptions = {},
    ): Promise<Task> => {
      const startedAt = performance.now()
      const { data: task, headers } = await send<Task>({
        method: 'post',
        path: ['workflows', id, 'run'],
        body: { input_value: input, ...run },
        ...(wait ? { prefer: `wait=${ONE_CALL_S}` } : { query: { wait: false } }),
        ...options,
        timeout: options.timeout ?? (wait ? ONE_CALL_S * 1000 + GRACE_MS : undefined),
      })
      // Only a server that waited says so: without a worker there is nothing to wait for.
      const cutShort = wait && !isFinished(task) && (headers.get('preference-applied') ?? '').includes('wait=')
      if (!cutShort) return task
      const spentMs = performance.now() - startedAt
      return lookAfter(task, options, Math.max((options.timeout ?? task.timeout * 1000 + GRACE_MS) - spentMs, 0))
    },
  }
}
