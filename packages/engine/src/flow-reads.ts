import type { FlowKey, RemoteFlow, Source } from '@automagik-spark/adapters'
import { makeBoundedMap, SourceError } from '@automagik-spark/core'
import { VaultError } from './vault.ts'

/** Null: the server does not have the flow. An error: it could not be asked for it. */
export type FlowRead = RemoteFlow | null | Error

/** How long a flow that was read is used. */
const FRESH_MS = 10_000
/** Each may hold a graph of a megabyte. */
const MOST = 50

/** Flows as their servers have them now. One request at a time reads a flow, at most every 10 s. */
export const makeFlowReads = () => {
  const reads = makeBoundedMap<string, { at: number; read: Promise<FlowRead> }>(MOST)
  return {
    /**
     * @param copy names the server, its key and the version of the copy: a flow that was read before a sync is too old. No caller can abort the
     * request, as others wait for the same answer.
     */
    read(remote: Pick<Source, 'getFlow'>, copy: string, flow: FlowKey): Promise<FlowRead> {
      const now = performance.now()
      for (const [old, { at }] of reads.entries()) {
        if (now - at < FRESH_MS) break // oldest first
        reads.delete(old)
      }
      const key = `${copy} ${flow.flow_type} ${flow.id}`
      const known = reads.get(key)
      if (known) return known.read
      const read = remote.getFlow(flow).catch((error: unknown): FlowRead => {
        if (error instanceof SourceError || error instanceof VaultError) return error
        throw error
      })
      // Every caller that waits gets the error of a bug; without this line it would also be an unhandled rejection.
      read.catch(() => undefined)
      reads.set(key, { at: now, read })
      return read
    },
  }
}
export type FlowReads = ReturnType<typeof makeFlowReads>
