import { makeBoundedMap, SourceError } from '@automagik-spark/core'
import type { OpenSource } from '@automagik-spark/engine'
import type { Target } from './targets.ts'

/** How long a list of flows may take, and how long it is used. */
const LIST_MS = 10_000
/** Sources whose lists are kept. */
const MOST = 100

type Listed = { source: Target['source']; until: number; flows: Promise<Set<string>> }

/**
 * Whether "not found" means that the flow is gone. Proxies say it, too, for a server that is down. The flow is gone only when the server gives a list
 * of flows for its key and the list lacks the flow; else the server could not be reached, and no flow ran.
 */
export const makeConfirmNotFound = ({ openSource }: { openSource: OpenSource }) => {
  const lists = makeBoundedMap<string, Listed>(MOST)

  /** The flows of a source by kind and id. One request answers all runs that need the list. */
  const flowsOf = (source: Target['source']): Promise<Set<string>> => {
    const known = lists.get(source.source_id)
    if (known?.source === source && performance.now() < known.until) return known.flows
    const flows = openSource(source)
      .listFlows(AbortSignal.timeout(LIST_MS))
      .then((list) => new Set(list.map((flow) => `${flow.flow_type}:${flow.id}`)))
    flows.catch(() => undefined) // every run that waits for it handles the error
    lists.set(source.source_id, { source, until: performance.now() + LIST_MS, flows })
    return flows
  }

  return async (error: SourceError, { flow, source }: Target): Promise<SourceError> => {
    const unreachable = (why: string) =>
      new SourceError(
        'source_unreachable',
        'not_sent',
        `${error.message} But ${why}, so the flow is not taken to be deleted.`,
        { cause: error },
      )
    try {
      if ((await flowsOf(source)).has(`${flow.flow_type}:${flow.remote_flow_id}`))
        return unreachable("the server's list of flows has it")
      // A list may lack flows that exist, such as examples.
      const found = await openSource(source).getFlow(
        { id: flow.remote_flow_id, flow_type: flow.flow_type },
        AbortSignal.timeout(LIST_MS),
      )
      return found ? unreachable('the server shows it') : error
    } catch (failure) {
      return unreachable(
        failure instanceof SourceError
          ? `the server cannot be asked for its flows (${failure.message})`
          : 'the server did not tell its flows in time',
      )
    }
  }
}
export type ConfirmNotFound = ReturnType<typeof makeConfirmNotFound>
