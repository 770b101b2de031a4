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

/** What a server can do beyond running a flow and waiting: stream its answer, say what became of a lost call. */
export type Feature = 'stream' | 'recover'

/** What was found at a probe; it is kept as the source's `version_info`. */
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
  /** The graph; null in lists. */
  data: JsonValue
  /** Empty where `data` is null. */
  components: FlowComponent[]
}

/** What a flow is called at its server: an agent, a team and a workflow may share an id. */
export type FlowKey = Pick<RemoteFlow, 'id' | 'flow_type'>

/** Where a flow's input goes and its answer comes from; the warnings say what a run would lose or lack. */
export type FlowComponents = {
  input_component: string | null
  /** Null also when the flow has several outputs and none was chosen: then their texts are joined. */
  output_component: string | null
  warnings: string[]
  /** Why a component that was named cannot be used: it is there, and a run would not use it. */
  refusals: FieldError[]
}
export type WantedComponents = {
  input_component?: string | null | undefined
  output_component?: string | null | undefined
}

export type RunCall = {
  flow_id: string
  flow_type: FlowType
  /** A string goes as it is, anything else as its JSON text. Null: none was given. */
  input_value: JsonText | null
  session_id: string
  /** An object. */
  tweaks: JsonText | null
  /** Components that a user chose; null: those that Spark finds in the graph, and the texts of all outputs that answer. */
  input_component: string | null
  output_component: string | null
  /** The graph as it was synced, to know where the input belongs. */
  data: JsonValue
  /** What earlier answers said of `streams_only`; null: nothing yet. */
  streams_only: boolean | null
  /** For the whole call, connection and redirects included. */
  timeoutMs: number
  signal: AbortSignal
}

/** What a run takes of a flow's graph. */
export type FlowUse = Pick<RunCall, 'input_value' | 'tweaks' | 'input_component' | 'output_component' | 'data'>
/** What a flow that was changed at its server means for a run. */
export type Drift = {
  input_component: string | null
  output_component: string | null
  /** In a sentence; null when nothing changed for this run. */
  change: string | null
}

/** A run that is asked for, before it is accepted. */
export type AskedRun = Pick<RunCall, 'flow_type' | 'input_value' | 'tweaks' | 'input_component' | 'data'> & {
  /** What was found at the last probe. */
  server: VersionInfo | null
}
/** What a run would lose, or its server refuse. */
export type RunProblems = {
  errors: FieldError[]
  /** Tweaks for which the flow, as `data` shows it, has no place; a fresh graph may have one. */
  unplaced: string[]
  /** The components that there are, for a person to choose from. */
  places: string[]
}

/** What an answer says against the copy of its flow. */
export type Doubt = {
  /** The components that answered. */
  from: string[]
  /** They are not those that the copy says. */
  is_elsewhere: boolean
  /** What made the texts, as far as the copy does not have it: something else may feed the flow now. */
  strangers: string[]
  /** The text is empty, as it is when a flow that only streams is run plainly. */
  is_empty: boolean
}

export type RunAnswer = {
  /** The text that a person wants to read. */
  result: string
  /** The server's whole answer, as it wrote it. */
  answer: JsonText
  /** Its size, decompressed. */
  bytes: number
  /** What was learnt: whether the next runs have to be streamed, as a plain one loses the text (Langflow) or fails (Hive). Left out: nothing. */
  streams_only?: boolean
  /** A reason to look at the flow again: perhaps its copy is old. */
  doubt?: Doubt
  /** For the task's log. */
  notes: string[]
}

/** A call whose outcome is unknown, as it was sent. */
export type LostCall = Pick<RunCall, 'flow_id' | 'flow_type' | 'input_value' | 'session_id' | 'data' | 'signal'> & {
  /** Nothing but this task ever used the session. Else an answer in it may be somebody else's. */
  own_session: boolean
  /** How often this task has called, this call included: an earlier failure may lie in the same session. */
  tries: number
}

/**
 * What a server says about a lost call. `running`: it is not over as far as can be seen, so look again later. `never_arrived` only where
 * that is certain: the call is made again then. `unknown`: this server, or this flow, cannot tell.
 */
export type Recovery =
  | ({ state: 'completed' } & RunAnswer)
  | { state: 'failed'; error: SourceError }
  | { state: 'running' }
  | { state: 'never_arrived' }
  | { state: 'unknown' }

/**
 * A flow server. Whatever goes wrong is a SourceError; an aborted signal's reason is thrown as it is.
 * The methods hold for every kind of server: what only one of them knows stays behind them.
 */
export type Source = {
  readonly source_type: SourceType
  /** Health, version and key, live. Its errors never hold what the server wrote. */
  probe(signal?: AbortSignal): Promise<VersionInfo>
  listFlows(signal?: AbortSignal): Promise<RemoteFlow[]>
  /** With its graph. Null when the server has no such flow, or not for this key. */
  getFlow(flow: FlowKey, signal?: AbortSignal): Promise<RemoteFlow | null>
  /** The flows that a person means by an id: none or one, and several where kinds share it. `team:ID` names one of them. */
  findFlows(named: string, signal?: AbortSignal): Promise<RemoteFlow[]>
  components(flow: RemoteFlow, wanted: WantedComponents): FlowComponents
  /** The graph without what the editor alone cares for, in a fixed order: another one means that the flow changed. */
  canonicalGraph(flow: RemoteFlow): JsonValue
  checkRun(run: AskedRun): RunProblems
  /** Whether the server refuses an empty input; null: it did not tell. Left out where none does. It runs nothing. */
  refusesEmpty?(signal?: AbortSignal): Promise<boolean | null>
  /** Whether the flow has to be read anew right before a run: what it names may have been replaced. Left out where a run names nothing. */
  readsFirst?(use: FlowUse): boolean
  /** Where a run of the changed flow sends its input. A SourceError when that would be lost and nothing has plainly taken the place. */
  driftOf?(use: FlowUse, now: RemoteFlow): Drift
  /** After a run whose answer is from elsewhere: why it is not the one that was asked for, now that the flow is so; or null. */
  lostIn?(use: FlowUse, now: RemoteFlow, from: string[]): string | null
  /** Which of these components the flow does not have. */
  strangersIn?(flow: Pick<RemoteFlow, 'data'>, ids: string[]): string[]
  /** After a plain run whose text was empty: whether the flow was changed, and only streams its text as it is now. */
  hasBegunToStream?(use: FlowUse, now: RemoteFlow): boolean
  run(call: RunCall): Promise<RunAnswer>
  /** What became of a call that was lost. Left out where the server cannot be asked. */
  recover?(call: LostCall): Promise<Recovery>
}
