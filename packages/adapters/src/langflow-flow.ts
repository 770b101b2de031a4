import { z } from 'zod'
import { isObject, sorted, without, type JsonObject } from './canonical.ts'
import type { JsonValue } from './json.ts'
import { manyLines, oneLine } from './plain-text.ts'
import type { FlowComponent, FlowComponents, RemoteFlow, WantedComponents } from './source.ts'

const Text = z.string().nullish().catch(null)

/** What is read of a flow; headers in lists have `data: null`. */
const Flow = z.object({
  id: z.string().min(1),
  name: z.string(),
  description: Text,
  is_component: z.boolean().nullish().catch(null),
  folder_id: Text,
  icon: Text,
  icon_bg_color: Text,
  tags: z.array(z.string()).nullish().catch(null),
  data: z.unknown().optional(),
})

const Node = z.object({
  id: z.string().min(1),
  type: Text,
  data: z.object({
    type: Text,
    node: z
      .object({ display_name: Text, description: Text, template: z.record(z.string(), z.unknown()).nullish().catch(null) })
      .nullish()
      .catch(null),
  }),
})

const Edge = z.object({ target: z.string() })
const Stored = z.object({ value: z.unknown().optional() })

/** A component of a flow's graph. */
export type FlowNode = {
  id: string
  type: string
  name: string
  description: string
  fields: Set<string>
  /** Its input has a stored text or comes from another component. */
  filled: boolean
}

/** Null for something that is no flow. */
export const remoteFlow = (value: unknown, folders: ReadonlyMap<string, string>): RemoteFlow | null => {
  const parsed = Flow.safeParse(value)
  if (!parsed.success) return null
  const flow = parsed.data
  const data = (flow.data ?? null) as JsonValue // came out of JSON.parse
  return {
    id: flow.id,
    name: oneLine(flow.name, 300),
    description: manyLines(flow.description ?? '', 5000),
    // Langflow's own `flow_type` (1.13) means something else.
    flow_type: 'flow',
    is_component: flow.is_component ?? false,
    folder_id: flow.folder_id ?? null,
    folder_name: (flow.folder_id && folders.get(flow.folder_id)) || null,
    icon: flow.icon ?? null,
    icon_bg_color: flow.icon_bg_color ?? null,
    liked: false,
    tags: (flow.tags ?? []).map((tag) => oneLine(tag, 100)),
    data,
    components: nodesOf(data).map(({ id, name, description }): FlowComponent => ({ id, name, description })),
  }
}

/** The components of a graph, sticky notes left out. */
export const nodesOf = (data: JsonValue): FlowNode[] => {
  const list = (key: string): JsonValue[] => (isObject(data) && Array.isArray(data[key]) ? data[key] : [])
  const fed = new Set(list('edges').map((edge) => Edge.safeParse(edge).data?.target))
  return list('nodes').flatMap((value): FlowNode[] => {
    const parsed = Node.safeParse(value)
    if (!parsed.success || parsed.data.type === 'noteNode') return []
    const { id, data: { type, node } } = parsed.data
    return [{
      id,
      type: type ?? id.replace(/-[^-]*$/, ''),
      name: oneLine(node?.display_name || type || id, 200),
      description: manyLines(node?.description ?? '', 2000),
      fields: new Set(Object.keys(node?.template ?? {})),
      filled: fed.has(id) || (Stored.safeParse(node?.template?.['input_value']).data?.value ?? '') !== '',
    }]
  })
}

export const isInput = ({ type }: FlowNode): boolean => type === 'ChatInput' || type === 'TextInput'
export const isWebhook = ({ type }: FlowNode): boolean => type === 'Webhook'
export const isOutput = ({ type }: FlowNode): boolean => type === 'ChatOutput' || type === 'TextOutput' || type === 'DataOutput'
const takesInput = (node: FlowNode): boolean => isInput(node) || isWebhook(node) || node.fields.has('input_value')

/** Where the input goes when nobody chose: one that holds nothing yet before one that does. */
const defaultInput = (nodes: FlowNode[]): FlowNode | null => {
  const inputs = nodes.filter(isInput)
  return inputs.find(({ type }) => type === 'ChatInput') ?? inputs.find(({ filled }) => !filled) ?? inputs[0] ?? nodes.find(isWebhook) ?? null
}

/**
 * The component that has to get the input by tweak. Null when `input_value` with type `any` does it: that reaches every chat and text
 * input at once, so not when another one was chosen, nor when it would overwrite what others hold.
 */
export const tweakTarget = (nodes: FlowNode[], chosen: string | null): FlowNode | null => {
  const usual = defaultInput(nodes)
  const target = nodes.find(({ id }) => id === chosen) ?? usual
  if (target === null || target !== usual || isWebhook(target)) return target
  return nodes.some((node) => isInput(node) && node !== target && node.filled) ? target : null
}

/**
 * The input type that reaches `target` and no other input: Langflow goes by what the ids hold. Null when there is none. An input
 * arrives unchanged that way, and by tweak it does not.
 */
export const soleInputType = (nodes: FlowNode[], target: FlowNode): 'chat' | 'text' | null => {
  const reached = (type: string): FlowNode[] => nodes.filter((node) => isInput(node) && node.id.toLowerCase().includes(type))
  return (['chat', 'text'] as const).find((type) => reached(type).length === 1 && reached(type)[0] === target) ?? null
}

export const flowComponents = (flow: RemoteFlow, wanted: WantedComponents): FlowComponents => {
  const nodes = nodesOf(flow.data)
  const warnings: string[] = []
  const input = inputOf(nodes, wanted.input_component || null, warnings)
  const output = outputOf(nodes, wanted.output_component || null, warnings)
  return { input_component: input?.id ?? null, output_component: output?.id ?? null, warnings }
}

const inputOf = (nodes: FlowNode[], wanted: string | null, warnings: string[]): FlowNode | null => {
  const named = nodes.find(({ id }) => id === wanted)
  if (named && takesInput(named)) return named

  const inputs = nodes.filter(isInput)
  const found = defaultInput(nodes)
  if (wanted !== null) {
    const problem = named ? `The component ${name(wanted)} takes no input` : `The flow has no component ${name(wanted)}`
    warnings.push(found ? `${problem}; the input goes to ${found.id}.` : `${problem}.`)
  }
  if (found && isWebhook(found)) warnings.push(`The flow has no chat or text input: the input goes to its webhook ${found.id} as JSON.`)
  else if (!found) warnings.push('The flow has no input component: it ignores the input.')
  else if (inputs.length > 1 && wanted === null) {
    const where = tweakTarget(nodes, null) ? `${found.id} alone, as others hold something` : 'all of them'
    warnings.push(`The flow has ${inputs.length} inputs (${ids(inputs)}): the input goes to ${where}. Choose another with input_component.`)
  }
  return found
}

const outputOf = (nodes: FlowNode[], wanted: string | null, warnings: string[]): FlowNode | null => {
  const named = nodes.find(({ id }) => id === wanted)
  if (named) return named

  const outputs = nodes.filter(isOutput)
  const found = outputs.length === 1 ? outputs[0]! : null
  const answers = found ? `the answer comes from ${found.id}` : `the answers of ${ids(outputs)} are joined`
  if (wanted !== null) warnings.push(`The flow has no component ${name(wanted)}${outputs.length > 0 ? `; ${answers}` : ''}.`)
  if (outputs.length === 0) warnings.push('The flow has no output component: its runs answer without a text.')
  else if (!found && wanted === null) warnings.push(`The flow has ${outputs.length} outputs (${ids(outputs)}): their texts are joined. Choose one with output_component.`)
  return found
}

const name = (wanted: string): string => JSON.stringify(oneLine(wanted, 100))
const ids = (nodes: FlowNode[]): string => nodes.map(({ id }) => id).join(', ')

/** What the editor keeps for itself, by where it stands. */
const EDITOR = {
  node: new Set(['position', 'positionAbsolute', 'width', 'height', 'measured', 'selected', 'dragging', 'resizing', 'style', 'className', 'zIndex', 'parentNode']),
  nodeData: new Set(['showNode', 'selected']),
  component: new Set(['documentation', 'last_updated', 'updated_at', 'edited']),
  // An edge's id is made of its ends, in ways that changed between versions.
  edge: new Set(['id', 'selected', 'animated', 'style', 'className', 'zIndex', 'type']),
}

/** The graph as far as a run depends on it, in a fixed order. */
export const canonicalGraph = (data: JsonValue): JsonValue => {
  if (!isObject(data)) return null
  const list = (key: string): JsonObject[] => (Array.isArray(data[key]) ? data[key].filter(isObject) : [])
  const nodes = list('nodes').filter((node) => node['type'] !== 'noteNode').map((node) => {
    const kept = without(node, EDITOR.node)
    if (!isObject(kept['data'])) return kept
    const inner = without(kept['data'], EDITOR.nodeData)
    if (isObject(inner['node'])) inner['node'] = without(inner['node'], EDITOR.component)
    return { ...kept, data: inner }
  })
  const edges = list('edges').map((edge) => without(edge, EDITOR.edge))
  return { nodes: inOrder(nodes), edges: inOrder(edges) }
}

/** Keys sorted within, and the members by what they then look like. */
const inOrder = (values: JsonObject[]): JsonValue[] =>
  values
    .map(sorted)
    .map((value) => ({ value, text: JSON.stringify(value) }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ value }) => value)
