import type { FieldError, FlowType, JsonText, SourceError, SourceType } from '@automagik-spark/core'
import type { HttpPool } from './http/pool.ts'
import type { JsonValue } from './json/reader.ts'

export type SourceOptions = {
  /** Normalized by `normalizeSourceUrl`. */
  url: string
  api_key: string | null
  pool: HttpPool
  /** What the last probe found, as it is stored: some servers' flows are read by the release. */
  version_info?: Record<string, unknown> | null | undefined
}

/** What a server can do beyond a plain run: stream its answer, tell the outcome of a lost call. */
export type Feature = 'stream' | 'recover'

/** What a probe found; stored as the source's `version_info`. */
export type VersionInfo = {
  version: string
  name: string
  status: string
  features: Feature[]
  [more: string]: JsonValue
}

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
  /** The graph, or the definition of an agent, team or workflow; null in lists. */
  data: JsonValue
  /** Empty where `data` is null. */
  components: FlowComponent[]
}

/** What names a flow at its server: an agent, a team and a workflow may share an id. */
export type FlowKey = Pick<RemoteFlow, 'id' | 'flow_type'>

/** Where the input of a flow goes and its answer comes from. The warnings say what a run would lose or lack. */
export type FlowComponents = {
  input_component: string | null
  /** Null also when the flow has several outputs and none is chosen: their texts are joined. */
  output_component: string | null
  warnings: string[]
  /** Why a named component is refused: the flow has it, but a run would not use it. */
  refusals: FieldError[]
}
export type WantedComponents = {
  input_component?: string | null | undefined
  output_component?: string | null | undefined
}

export type RunCall = {
  flow_id: string
  flow_type: FlowType
  /** A string is sent as it is, anything else as its JSON text. Null: no input. */
  input_value: JsonText | null
  session_id: string
  /** A JSON object. */
  tweaks: JsonText | null
  /** Components that the user chose. Null: the input that Spark finds in the graph, and the joined texts of all outputs. */
  input_component: string | null
  output_component: string | null
  /** The graph as it was synced: it says where the input goes. */
  data: JsonValue
  /** `streams_only` of the last answer that had it; null: not known. */
  streams_only: boolean | null
  /** Of the whole call, connection and redirects included. */
  timeoutMs: number
  signal: AbortSignal
}

/** The parts of a run that depend on the flow's graph. */
export type FlowUse = Pick<RunCall, 'input_value' | 'tweaks' | 'input_component' | 'output_component' | 'data'>
/** What a change of the flow at its server means for a run. */
export type Drift = {
  input_component: string | null
  output_component: string | null
  /** The change, as a sentence; null when it does not touch this run. */
  change: string | null
}

/** A run that was requested and is not accepted yet. */
export type AskedRun = Pick<RunCall, 'flow_type' | 'input_value' | 'tweaks' | 'input_component' | 'data'> & {
  /** What the last probe found. */
  server: VersionInfo | null
}
/** What a run would lose, or what its server would refuse. */
export type RunProblems = {
  errors: FieldError[]
  /** Tweaks for which the graph in `data` has no place; the flow at its server may have one. */
  unplaced: string[]
  /** The flow's components, for a person to choose from. */
  places: string[]
}

/** Signs in an answer that the copy of the flow is out of date. */
export type Doubt = {
  /** The components that answered. */
  from: string[]
  /** By the copy, other components should have answered. */
  is_elsewhere: boolean
  /** Components that made the texts and are not in the copy: something else may feed the flow now. */
  strangers: string[]
  /** The text is empty, as after a plain run of a flow that only streams. */
  is_empty: boolean
}

export type RunAnswer = {
  /** The text that a person wants to read. */
  result: string
  /** The server's whole answer, as it wrote it. */
  answer: JsonText
  /** Its size, decompressed. */
  bytes: number
  /** Whether the next runs must be streamed, as a plain one loses the text (Langflow) or fails (Hive). Left out: this run did not show it. */
  streams_only?: boolean
  /** A reason to read the flow again: its copy may be out of date. */
  doubt?: Doubt
  /** For the task's log. */
  notes: string[]
}

/** A call whose outcome is unknown, as it was sent. */
export type LostCall = Pick<RunCall, 'flow_id' | 'flow_type' | 'input_value' | 'session_id' | 'data' | 'signal'> & {
  /** Only this task ever used the session; in a shared one an answer may belong to another run. */
  own_session: boolean
  /** Calls of this task, this one included: a failure in the session may belong to an earlier one. */
  tries: number
}

/**
 * What a server says of a lost call. `running`: it seems not to be over, so ask again later. `never_arrived` only where that is certain: the
 * call is then made again. `unknown`: this server cannot tell, or not for this flow.
 */
export type Recovery =
  | ({ state: 'completed' } & RunAnswer)
  | { state: 'failed'; error: SourceError }
  | { state: 'running' }
  | { state: 'never_arrived' }
  | { state: 'unknown' }

/**
 * A flow server of any kind; what only one kind knows stays behind these methods. Every failure is a SourceError; the reason of an aborted
 * signal is thrown as it is.
 */
export type Source = {
  readonly source_type: SourceType
  /** Checks health, version and key at the server. Its errors never quote the server. */
  probe(signal?: AbortSignal): Promise<VersionInfo>
  listFlows(signal?: AbortSignal): Promise<RemoteFlow[]>
  /** The flow with its graph. Null: the server has no such flow, or hides it from this key. */
  getFlow(flow: FlowKey, signal?: AbortSignal): Promise<RemoteFlow | null>
  /** The flows that a user's id or name means: several when agent, team and workflow share an id; `team:ID` names one. */
  findFlows(named: string, signal?: AbortSignal): Promise<RemoteFlow[]>
  components(flow: RemoteFlow, wanted: WantedComponents): FlowComponents
  /** The graph without what only the editor uses, in a fixed order: when it differs, the flow has changed. */
  canonicalGraph(flow: RemoteFlow): JsonValue
  checkRun(run: AskedRun): RunProblems
  /** Whether the server refuses an empty input; null: not known. It runs no flow. Left out for kinds that take it. */
  refusesEmpty?(signal?: AbortSignal): Promise<boolean | null>
  /** Whether the flow must be read right before a run, which names components that may have been replaced. Left out where a run names none. */
  readsFirst?(use: FlowUse): boolean
  /** Where a run of the changed flow sends its input. A SourceError when the input would be lost and nothing has clearly replaced its component. */
  driftOf?(use: FlowUse, now: RemoteFlow): Drift
  /** After a run answered by unexpected components: why the answer is not to the run's input, as the flow is now; null: it is. */
  lostIn?(use: FlowUse, now: RemoteFlow, from: string[]): string | null
  /** Those of the components that the flow does not have. */
  strangersIn?(flow: Pick<RemoteFlow, 'data'>, ids: string[]): string[]
  /** After a plain run with an empty text: whether the flow was changed and now only streams its text. */
  hasBegunToStream?(use: FlowUse, now: RemoteFlow): boolean
  run(call: RunCall): Promise<RunAnswer>
  /** Recovers the outcome of a lost call. Left out where the server cannot be asked. */
  recover?(call: LostCall): Promise<Recovery>
}
