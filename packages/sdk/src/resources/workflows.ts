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
  /** False: answer with the pending task at once. Default true. */
  wait?: boolean | undefined
}
export type RemoteFlows = {
  flows: RemoteFlow[]
  /** URLs of the sources that could not be reached; their flows are missing. */
  unreachable: string[]
}

/** A run ends some time after its own timeout, so we wait this much longer. */
const GRACE_MS = 10_000
/** Node's fetch gives up after 300 s without an answer, so the server is asked to answer earlier; after that we poll. */
const SERVER_WAIT_S = 240
/** Longer than for other calls, because Spark syncs a whole source flow by flow. */
const SYNC_ALL_TIMEOUT_MS = 600_000

export const makeWorkflows = (send: Send, waitForTask: (id: string, options: WaitOptions) => Promise<Task>) => {
  /**
   * Copies a flow to Spark as a workflow, or refreshes the copy. With `*` and a `source_url` it copies every flow of that source.
   *
   * @example
   * const workflow = await spark.workflows.sync(flowId, { source_url: 'http://localhost:7860' })
   */
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

  /** Polls for the end of a run that takes longer than one call may. After the run's own timeout it returns the task as it is, as the server does. */
  const pollUntilEnd = async (started: Task, options: RequestOptions, leftMs: number): Promise<Task> => {
    let latest = started
    try {
      return await waitForTask(started.id, {
        signal: options.signal,
        timeout: leftMs,
        onPoll: (task) => (latest = task),
      })
    } catch (error) {
      if (error instanceof TimeoutError && options.timeout === undefined) return latest
      throw error
    }
  }

  return {
    /** The workflows that Spark has copied, newest first. */
    list: (query?: WorkflowsListQuery, options?: RequestOptions) =>
      makeList<WorkflowItem>(send, ['workflows'], query, options),
    /** One workflow with `data`, the graph of its flow. */
    get: (id: string, options?: RequestOptions) =>
      dataOf(send<Workflow>({ method: 'get', path: ['workflows', id], ...options })),
    /** Also deletes its schedules and tasks; the flow server keeps the flow. */
    delete: (id: string, options?: RequestOptions) =>
      dataOf(send<WorkflowDeleted>({ method: 'delete', path: ['workflows', id], ...options })),

    /** The flows of the connected servers, whether Spark has copied them or not. */
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
    /** One flow with its graph, read from its server. */
    remoteFlow: (flowId: string, query?: WorkflowsRemoteGetQuery, options?: RequestOptions) =>
      dataOf(send<RemoteFlow>({ method: 'get', path: ['workflows', 'remote', flowId], query, ...options })),
    sync,

    /**
     * Runs a workflow now and answers with the finished task, also when the flow failed: check `status`.
     * Without an input the flow uses the input that is stored in it; `''` is an input.
     * The task is still pending when no worker is running, and not finished when it does not end soon after its timeout.
     * `timeout` of the third argument is in seconds and limits the run. `timeout` of the last argument is in milliseconds and limits
     * the call; by default the call waits as long as the run may take.
     *
     * @example
     * const task = await spark.workflows.run(id, 'Hello', { timeout: 120 })
     * console.log(task.status, resultText(task) ?? task.error)
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
        ...(wait ? { prefer: `wait=${SERVER_WAIT_S}` } : { query: { wait: false } }),
        ...options,
        timeout: options.timeout ?? (wait ? SERVER_WAIT_S * 1000 + GRACE_MS : undefined),
      })
      // The server confirms `wait` only when it has waited: without a running worker there is nothing to wait for.
      const isCutShort = wait && !isFinished(task) && (headers.get('preference-applied') ?? '').includes('wait=')
      if (!isCutShort) return task
      const spentMs = performance.now() - startedAt
      return pollUntilEnd(task, options, Math.max((options.timeout ?? task.timeout * 1000 + GRACE_MS) - spentMs, 0))
    },
  }
}
