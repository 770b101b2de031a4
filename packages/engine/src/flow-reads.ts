import type { FlowKey, RemoteFlow, Source } from '@automagik-spark/adapters'
import { SourceError } from '@automagik-spark/core'
import { VaultError } from './vault.ts'

/** Null: the server does not have the flow. An error: it could not be asked. */
export type FlowRead = RemoteFlow | null | Error

/** How long what was read of a flow is used; within it nobody asks again. */
const FRESH_MS = 10_000
/** Each may hold a graph of a megabyte. */
const MOST = 50

/** Flows as their servers have them now: each is asked for once at a time, and at most every 10 s. */
export const makeFlowReads = () => {
  const reads = new Map<string, { at: number; read: Promise<FlowRead> }>()
  return {
    /** `copy`: what names the server, its key, and the copy that is compared: what was read before it was synced is too old. It is read without a caller's signal, as others wait for the same answer. */
    read(remote: Pick<Source, 'getFlow'>, copy: string, flow: FlowKey): Promise<FlowRead> {
      const now = performance.now()
      for (const [key, { at }] of reads) {
        if (now - at < FRESH_MS && reads.size < MOST) break // oldest first
        reads.delete(key)
      }
      const key = `${copy} ${flow.flow_type} ${flow.id}`
      const known = reads.get(key)
      if (known) return known.read
      const read = remote.getFlow(flow).catch((error: unknown): FlowRead => {
        if (error instanceof SourceError || error instanceof VaultError) return error
        throw error
      })
      // A bug is told to all who wait, and to nobody else.
      read.catch(() => undefined)
      reads.set(key, { at: now, read })
      return read
    },
  }
}
export type FlowReads = ReturnType<typeof makeFlowReads>
