import type { FlowType, SourceType } from '@automagik-spark/core'
import type { JsonValue } from './json.ts'

/** What was found at a probe; it is kept as the source's `version_info`. */
export type VersionInfo = { version: string; name: string; status: string; [more: string]: JsonValue }

export type FlowComponent = { id: string; name: string; description: string }

/** A flow, agent, team or workflow as its server describes it. */
export type RemoteFlow = {
  id: string
  name: string
  description: string
  flow_type: FlowType
  is_component: boolean
  folder_id: string | null
  folder_name: string | null
  icon: string | null
  icon_bg_color: string | null
  liked: boolean
  tags: string[]
  /** The graph; null in lists. */
  data: JsonValue
  /** Empty where `data` is null. */
  components: FlowComponent[]
}

/** Where a flow's input goes and its answer comes from; the warnings say what a run would lose or lack. */
export type FlowComponents = {
  input_component: string | null
  /** Null also when the flow has several outputs and none was chosen: then their texts are joined. */
  output_component: string | null
  warnings: string[]
}
export type WantedComponents = { input_component?: string | null | undefined; output_component?: string | null | undefined }

export type RunCall = {
  flow_id: string
  flow_type: FlowType
  /** A string goes as it is, anything else as JSON text. */
  input_value: JsonValue
  session_id: string
  tweaks: Record<string, unknown> | null
  input_component: string | null
  output_component: string | null
  /** The graph as it was synced, to know where the input belongs. */
  data: JsonValue
  /** An earlier answer said `streams_only`: run it streamed. */
  streams_only: boolean
  /** For the whole call, connection and redirects included. */
  timeoutMs: number
  signal: AbortSignal
}

export type RunAnswer = {
  /** What a person wants to read. */
  text: string
  /** The server's whole answer. */
  answer: JsonValue
  /** Its size, decompressed. */
  bytes: number
  /** The text was lost since a component only streams: the flow ran, and its next runs have to be streamed. */
  streams_only?: true
  /** For the task's log. */
  notes: string[]
}

/**
 * A flow server. Whatever goes wrong is a SourceError; an aborted signal's reason is thrown as it is.
 * The methods hold for every kind of server: what only one of them knows stays behind them.
 */
export type Source = {
  readonly source_type: SourceType
  /** Health, version and key, live. Its errors never hold what the server wrote. */
  probe(signal?: AbortSignal): Promise<VersionInfo>
  listFlows(signal?: AbortSignal): Promise<RemoteFlow[]>
  /** Null when the server has no such flow, or not for this key. */
  getFlow(flow_id: string, signal?: AbortSignal): Promise<RemoteFlow | null>
  components(flow: RemoteFlow, wanted: WantedComponents): FlowComponents
  /** The graph without what the editor alone cares for, in a fixed order: another one means that the flow changed. */
  canonicalGraph(flow: RemoteFlow): JsonValue
  run(call: RunCall): Promise<RunAnswer>
}
