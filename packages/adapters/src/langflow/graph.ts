import { isObject } from '@automagik-spark/core'
import { z } from 'zod'
import { type JsonObject } from '../json/canonical.ts'
import type { JsonValue } from '../json/reader.ts'
import { manyLines, oneLine } from '../plain-text.ts'

const Text = z.string().nullish().catch(null)
const Flag = z.boolean().nullish().catch(null)
const Template = z.record(z.string(), z.unknown()).nullish().catch(null)

const Node = z.object({
  id: z.string().min(1),
  type: Text,
  data: z.object({
    type: Text,
    node: z
      .object({
        display_name: Text,
        description: Text,
        template: Template,
        is_input: Flag,
        is_output: Flag,
        frozen: Flag,
        flow: z.unknown().optional(),
        outputs: z.unknown().optional(),
        metadata: z.object({ module: Text }).nullish().catch(null),
      })
      .nullish()
      .catch(null),
  }),
})
type Node = z.output<typeof Node>
type Component = NonNullable<Node['data']['node']>

const Handle = z
  .object({
    fieldName: Text,
    name: Text,
    proxy: z.object({ id: z.string(), field: Text, name: Text }).nullish().catch(null),
  })
  .nullish()
  .catch(null)
const Edge = z.object({
  source: z.string(),
  target: z.string(),
  data: z.object({ sourceHandle: Handle, targetHandle: Handle }).nullish().catch(null),
})
type Edge = z.output<typeof Edge>

/** The components that are inputs and outputs for Langflow. */
const INPUTS = ['ChatInput', 'TextInput', 'Webhook']
const OUTPUTS = ['ChatOutput', 'TextOutput', 'DataOutput']

/** A component of a flow's graph. */
export type FlowNode = {
  id: string
  type: string
  name: string
  description: string
  /** Its display name as written: a tweak can name the component by it. */
  displayName: string | null
  /** The fields that a tweak can change, as the flow describes them. */
  fields: ReadonlyMap<string, JsonObject>
  isInput: boolean
  isOutput: boolean
  /** An input for Langflow up to 1.6, which goes by names in the id: `WebhookParser-1` too. */
  isInputOfOld: boolean
  /** Its input holds a stored text. */
  stored: boolean
  /** Fields that another component fills: it overwrites what is sent to them. */
  fed: ReadonlySet<string>
  /** Langflow answers with an earlier result of it. */
  frozen: boolean
  /** Inside a group, where tweaks do not reach. */
  grouped: boolean
  /** Its Python code; null when the graph lacks it. */
  code: string | null
  /** Its Python module; null when the graph does not name it. */
  module: string | null
}

export type FlowGraph = {
  /** As Langflow runs them: groups are replaced by their members. */
  nodes: FlowNode[]
  /** As a person and a tweak see them: a group is one component. */
  shown: FlowNode[]
  next: ReadonlyMap<string, string[]>
  before: ReadonlyMap<string, string[]>
}

type Parts = { nodes: { node: Node; grouped: boolean }[]; edges: Edge[] }

const listIn = (data: JsonValue | undefined, key: string): JsonValue[] =>
  isObject(data) && Array.isArray(data[key]) ? data[key] : []
const partsOf = (data: JsonValue | undefined, grouped: boolean): Parts => ({
  // Sticky notes are not components.
  nodes: listIn(data, 'nodes')
    .flatMap((value) => (isObject(value) && value['type'] !== 'noteNode' ? (Node.safeParse(value).data ?? []) : []))
    .map((node) => ({ node, grouped })),
  edges: listIn(data, 'edges').flatMap((value) => Edge.safeParse(value).data ?? []),
})

/** No flow nests groups deeper. */
const MAX_GROUPS = 10

/** As Langflow does before a run: replaces groups by their members, which come last, and leads the groups' edges to the right members. */
const ungrouped = (data: JsonValue | undefined, grouped: boolean, depth = 0): Parts => {
  const parts = partsOf(data, grouped)
  for (const { node } of [...parts.nodes]) {
    const flow = node.data.node?.flow as JsonValue | undefined // from JSON.parse
    if (!isObject(flow) || depth >= MAX_GROUPS) continue
    const inner = ungrouped(flow['data'], true, depth + 1)
    const sources = new Set(inner.edges.map(({ source }) => source))
    const last = inner.nodes.find((member) => !sources.has(member.node.id))?.node.id
    parts.nodes = [...parts.nodes.filter((one) => one.node !== node), ...inner.nodes]
    parts.edges = [
      ...parts.edges.map((edge) => ({
        ...edge,
        ...(edge.target === node.id && targetInGroup(edge)),
        ...(edge.source === node.id && { source: sourceInGroup(edge, node.data.node!, inner) ?? last ?? node.id }),
      })),
      ...inner.edges,
    ]
  }
  return parts
}

const targetInGroup = ({ target, data }: Edge): Pick<Edge, 'target' | 'data'> => {
  const proxy = data?.targetHandle?.proxy
  return proxy
    ? {
        target: proxy.id,
        data: { sourceHandle: null, targetHandle: { fieldName: proxy.field, name: null, proxy: null } },
      }
    : { target, data: data ?? null }
}

/** The member behind an output of a group. Langflow up to 1.7 takes the last member instead, which is mostly the same. */
const sourceInGroup = ({ data }: Edge, { outputs }: Component, inner: Parts): string | null => {
  const name = data?.sourceHandle?.name
  if (!name) return null
  const Output = z.object({ name: z.string(), proxy: z.object({ id: z.string() }) })
  const named = (Array.isArray(outputs) ? outputs : [])
    .map((output) => Output.safeParse(output).data)
    .find((output) => output?.name === name)
  return named?.proxy.id ?? inner.nodes.find(({ node }) => name.startsWith(`${node.id}_`))?.node.id ?? null
}

const Stored = z.object({ value: z.unknown().optional() })
const storedIn = (component: Component | null | undefined, field: string): unknown =>
  Stored.safeParse(component?.template?.[field]).data?.value

const nodeOf = (
  {
    node: {
      id,
      data: { type, node },
    },
    grouped,
  }: Parts['nodes'][number],
  fed: ReadonlyMap<string, ReadonlySet<string>>,
): FlowNode => {
  const base = id.split('-')[0]!
  const known = (names: string[]) => names.find((name) => name === type) ?? names.find((name) => name === base)
  const kind = known(INPUTS) ?? known(OUTPUTS) ?? type ?? id.replace(/-[^-]*$/, '')
  const code = storedIn(node, 'code')
  return {
    id,
    type: kind,
    name: oneLine(node?.display_name || type || id, 200),
    description: manyLines(node?.description ?? '', 2000),
    displayName: node?.display_name ?? null,
    fields: new Map(
      Object.entries((node?.template ?? {}) as JsonObject).flatMap(([field, value]): [string, JsonObject][] =>
        isObject(value) ? [[field, value]] : [],
      ),
    ), // from JSON.parse
    isInput: known(INPUTS) !== undefined || node?.is_input === true,
    isOutput: known(OUTPUTS) !== undefined || node?.is_output === true,
    isInputOfOld: INPUTS.some((name) => id.includes(name)) || node?.is_input === true,
    stored: (storedIn(node, 'input_value') ?? '') !== '',
    fed: fed.get(id) ?? new Set(),
    frozen: node?.frozen === true,
    grouped,
    code: typeof code === 'string' && code !== '' ? code : null,
    module: node?.metadata?.module ?? null,
  }
}

/**
 * What is an input for a server: up to 1.6 a component whose id holds the name of one, from 1.7 on a component of that type. Not known: what
 * both rules agree on.
 */
export type InputRule = 'by id' | 'by type' | 'not known'

/** The rule of a release, as a probe found it. */
export const inputRuleOf = (release: unknown): InputRule => {
  const [, major, minor] = typeof release === 'string' ? (/^(\d+)\.(\d+)/.exec(release) ?? []) : []
  if (major === undefined) return 'not known'
  return Number(major) < 1 || (Number(major) === 1 && Number(minor) < 7) ? 'by id' : 'by type'
}

/** Graphs are large, and every run of a flow uses the same one. */
const known: Record<InputRule, WeakMap<object, FlowGraph>> = {
  'by id': new WeakMap(),
  'by type': new WeakMap(),
  'not known': new WeakMap(),
}
const EMPTY: FlowGraph = { nodes: [], shown: [], next: new Map(), before: new Map() }

/** The graph in a flow's data; empty when it has another shape. */
export const graphOf = (data: JsonValue, rule: InputRule = 'not known'): FlowGraph => {
  if (!isObject(data)) return EMPTY
  const found = known[rule].get(data) ?? readGraph(data, rule)
  known[rule].set(data, found)
  return found
}

const readGraph = (data: JsonObject, rule: InputRule): FlowGraph => {
  const { nodes, edges } = ungrouped(data, false)
  const ids = new Set(nodes.map(({ node }) => node.id))
  const next = new Map<string, string[]>()
  const before = new Map<string, string[]>()
  const fed = new Map<string, Set<string>>()
  const put = (map: Map<string, string[]>, key: string, value: string) =>
    void (map.get(key)?.push(value) ?? map.set(key, [value]))
  for (const { source, target, data: handles } of edges) {
    if (!ids.has(source) || !ids.has(target)) continue
    put(next, source, target)
    put(before, target, source)
    const fields = fed.get(target) ?? new Set()
    // An edge without a target field ends at the input, as nearly all do.
    fed.set(target, fields.add(handles?.targetHandle?.fieldName ?? 'input_value'))
  }
  const all = nodes.map((part) => ruled(nodeOf(part, fed), rule))
  const byId = new Map(all.map((node) => [node.id, node]))
  return {
    nodes: all,
    shown: partsOf(data, false).nodes.map((part) => byId.get(part.node.id) ?? ruled(nodeOf(part, fed), rule)),
    next,
    before,
  }
}

const ruled = (node: FlowNode, rule: InputRule): FlowNode => {
  if (rule === 'by id') return { ...node, isInput: node.isInputOfOld }
  return rule === 'by type' ? { ...node, isInputOfOld: node.isInput } : node
}

/** Where Langflow starts, and what it runs; without a start it runs everything. */
export type RunningPart = { start: FlowNode | null; runs: ReadonlySet<string> }

/** What Langflow starts at, by names in the ids, in its order. */
const STARTS = ['webhook', 'chat']

/**
 * The part of a flow that Langflow runs: everything that its start reaches, and everything that feeds that. The same in all versions from 1.5
 * to 1.13 (`find_start_component_id` and `get_sorted_vertices`), except for what is an input: `old` is the rule of 1.5.
 */
export const runningPart = ({ nodes, next, before }: FlowGraph, { old = false } = {}): RunningPart => {
  const inputs = nodes.filter((node) => (old ? node.isInputOfOld : node.isInput))
  const start =
    STARTS.map((name) => inputs.find(({ id }) => id.toLowerCase().includes(name))).find((node) => node !== undefined) ??
    null
  const runs = start ? reachedFrom([...reachedFrom([start.id], next)], before) : new Set(nodes.map(({ id }) => id))
  // A run begins at the components that nothing feeds, unless the whole flow is a cycle. Other cycles run only when such a component leads to them.
  const begins = nodes.filter(({ id }) => !before.has(id)).map(({ id }) => id)
  return {
    start,
    runs:
      begins.length === 0
        ? runs
        : begunFrom(
            begins.filter((id) => runs.has(id)),
            { next, before, runs },
          ),
  }
}

/** The components of `runs` that are reached from the beginnings: what they feed, and what else feeds that. */
const begunFrom = (
  begins: string[],
  { next, before, runs }: Pick<FlowGraph, 'next' | 'before'> & Pick<RunningPart, 'runs'>,
): Set<string> => {
  const reached = new Set(begins)
  for (const id of reached) {
    for (const fed of next.get(id) ?? [])
      for (const one of [fed, ...(before.get(fed) ?? [])]) if (runs.has(one)) reached.add(one)
  }
  return reached
}

const reachedFrom = (ids: string[], edges: ReadonlyMap<string, string[]>): Set<string> => {
  const reached = new Set(ids)
  // The loop also visits what is added to the set during it.
  for (const id of reached) for (const other of edges.get(id) ?? []) reached.add(other)
  return reached
}

/** The part that every Langflow runs, 1.5 included; when that is nothing, the part that newer ones run. */
export const surelyRunning = (graph: FlowGraph): RunningPart => {
  const found = parts.get(graph) ?? findSurelyRunning(graph)
  parts.set(graph, found)
  return found
}
const parts = new WeakMap<FlowGraph, RunningPart>()

const findSurelyRunning = (graph: FlowGraph): RunningPart => {
  const part = runningPart(graph)
  const old = runningPart(graph, { old: true })
  if (old.start === part.start) return part
  const both = new Set([...part.runs].filter((id) => old.runs.has(id)))
  return both.size > 0 ? { ...part, runs: both } : part
}

/** Everything that leads to one of these components, and the components. */
export const upstreamOf = (graph: FlowGraph, ids: string[]): ReadonlySet<string> => reachedFrom(ids, graph.before)
export const downstreamOf = (graph: FlowGraph, ids: string[]): ReadonlySet<string> => reachedFrom(ids, graph.next)
