import { isObject } from '@automagik-spark/core'
import { z } from 'zod'
import { type JsonObject, objectsIn, sorted, without } from '../json/canonical.ts'
import type { JsonValue } from '../json/reader.ts'
import { manyLines, oneLine } from '../plain-text.ts'
import type { FlowComponent, FlowComponents, RemoteFlow, WantedComponents } from '../source.ts'
import {
  downstreamOf,
  type FlowGraph,
  type FlowNode,
  graphOf,
  type InputRule,
  type RunningPart,
  surelyRunning,
} from './graph.ts'
import { defaultInput, deliveryOf, inputProblem, isTextInput, isWebhook, outputProblem, takesInput } from './input.ts'

const Text = z.string().nullish().catch(null)

/** The fields that are read of a flow; headers in lists have `data: null`. */
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

/** Null for a value that is not a flow. */
export const remoteFlow = (value: unknown, folders: ReadonlyMap<string, string>): RemoteFlow | null => {
  const parsed = Flow.safeParse(value)
  if (!parsed.success) return null
  const flow = parsed.data
  const data = (flow.data ?? null) as JsonValue // from JSON.parse
  return {
    id: flow.id,
    name: oneLine(flow.name, 300),
    description: manyLines(flow.description ?? '', 5000),
    // Langflow 1.13 has a `flow_type` with another meaning.
    flow_type: 'flow',
    is_component: flow.is_component ?? false,
    folder_id: flow.folder_id ?? null,
    folder_name: (flow.folder_id && folders.get(flow.folder_id)) || null,
    icon: flow.icon ?? null,
    icon_bg_color: flow.icon_bg_color ?? null,
    liked: false,
    tags: (flow.tags ?? []).map((tag) => oneLine(tag, 100)),
    data,
    components: graphOf(data).shown.map(({ id, name, description }): FlowComponent => ({ id, name, description })),
  }
}

export const flowComponents = (
  flow: RemoteFlow,
  wanted: WantedComponents,
  rule: InputRule = 'not known',
): FlowComponents => {
  const graph = graphOf(flow.data, rule)
  const part = surelyRunning(graph)
  const said: Said = { warnings: [], refusals: [] }
  const input = inputOf(graph, part, wanted.input_component || null, said)
  const output = outputOf(graph, part, wanted.output_component || null, said)
  const idle = graph.nodes.filter((node) => (node.isInput || node.isOutput) && !part.runs.has(node.id))
  if (idle.length > 0 && part.start)
    said.warnings.push(
      `Langflow starts at ${part.start.id} and runs only what is connected to it: ${ids(idle)} ${idle.length > 1 ? 'do' : 'does'} not run.`,
    )
  const frozen = input
    ? graph.nodes.filter(
        (node) => node.frozen && part.runs.has(node.id) && downstreamOf(graph, [input.id]).has(node.id),
      )
    : []
  if (frozen.length > 0)
    said.warnings.push(
      `Frozen in the flow: ${ids(frozen)}. Langflow may answer with an earlier result, whatever the input.`,
    )
  return { input_component: input?.id ?? null, output_component: output?.id ?? null, ...said }
}

type Said = Pick<FlowComponents, 'warnings' | 'refusals'>

const inputOf = (
  graph: FlowGraph,
  part: RunningPart,
  wanted: string | null,
  { warnings, refusals }: Said,
): FlowNode | null => {
  const named = graph.nodes.find(({ id }) => id === wanted)
  if (named && takesInput(named)) {
    const problem = inputProblem(graph, named)
    if (problem) refusals.push({ path: 'input_component', message: problem })
    return named
  }

  const inputs = graph.nodes.filter((node) => isTextInput(node) && part.runs.has(node.id))
  const found = defaultInput(graph, part)
  if (wanted !== null) {
    const problem = named ? `The component ${name(wanted)} takes no input` : `The flow has no component ${name(wanted)}`
    warnings.push(found ? `${problem}; the input goes to ${found.id}.` : `${problem}.`)
  }
  if (found && isWebhook(found))
    warnings.push(
      `The ${inputs.length > 0 || graph.nodes.some(isTextInput) ? 'part of the flow that runs' : 'flow'} has no chat or text input: the input goes to its webhook ${found.id} as JSON.`,
    )
  else if (!found)
    warnings.push(
      graph.nodes.some((node) => node.isInput)
        ? 'No input of the flow can take the input of a run: it ignores the input.'
        : 'The flow has no input component: it ignores the input.',
    )
  else if (inputs.length > 1 && wanted === null) {
    const where = deliveryOf(graph, null)?.by === 'any' ? 'all of them' : `${found.id} alone, as others hold something`
    warnings.push(
      `The flow has ${inputs.length} inputs (${ids(inputs)}): the input goes to ${where}. Choose another with input_component.`,
    )
  }
  return found
}

const outputOf = (
  graph: FlowGraph,
  part: RunningPart,
  wanted: string | null,
  { warnings, refusals }: Said,
): FlowNode | null => {
  const named = graph.nodes.find(({ id }) => id === wanted)
  if (named) {
    const problem = outputProblem(graph, named)
    if (problem) refusals.push({ path: 'output_component', message: problem })
    return named
  }

  const outputs = graph.nodes.filter((node) => node.isOutput && part.runs.has(node.id))
  const found = outputs.length === 1 ? outputs[0]! : null
  const answers = found ? `the answer comes from ${found.id}` : `the answers of ${ids(outputs)} are joined`
  if (wanted !== null)
    warnings.push(`The flow has no component ${name(wanted)}${outputs.length > 0 ? `; ${answers}` : ''}.`)
  if (outputs.length === 0)
    warnings.push(
      `The ${graph.nodes.some((node) => node.isOutput) ? 'part of the flow that runs' : 'flow'} has no output component: its runs answer without a text.`,
    )
  else if (!found && wanted === null)
    warnings.push(
      `The flow has ${outputs.length} outputs (${ids(outputs)}): their texts are joined. Choose one with output_component.`,
    )
  return found
}

const name = (wanted: string): string => JSON.stringify(oneLine(wanted, 100))
const ids = (nodes: FlowNode[]): string => nodes.map(({ id }) => id).join(', ')

/** Fields that only the editor uses, by their place. */
const EDITOR = {
  node: new Set([
    'position',
    'positionAbsolute',
    'width',
    'height',
    'measured',
    'selected',
    'dragging',
    'resizing',
    'style',
    'className',
    'zIndex',
    'parentNode',
  ]),
  nodeData: new Set(['showNode', 'selected']),
  component: new Set(['documentation', 'last_updated', 'updated_at', 'edited']),
  // An edge's id is made of its ends, in a way that changes between versions.
  edge: new Set(['id', 'selected', 'animated', 'style', 'className', 'zIndex', 'type']),
}

/** The part of the graph on which a run depends, in a fixed order. */
export const canonicalGraph = (data: JsonValue): JsonValue => {
  if (!isObject(data)) return null
  const nodes = objectsIn(data['nodes'])
    .filter((node) => node['type'] !== 'noteNode')
    .map((node) => {
      const kept = without(node, EDITOR.node)
      if (!isObject(kept['data'])) return kept
      const inner = without(kept['data'], EDITOR.nodeData)
      if (isObject(inner['node'])) inner['node'] = without(inner['node'], EDITOR.component)
      return { ...kept, data: inner }
    })
  const edges = objectsIn(data['edges']).map((edge) => without(edge, EDITOR.edge))
  return { nodes: inOrder(nodes), edges: inOrder(edges) }
}

/** The values with sorted keys, sorted by their text. */
const inOrder = (values: JsonObject[]): JsonValue[] =>
  values
    .map(sorted)
    .map((value) => ({ value, text: JSON.stringify(value) }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ value }) => value)
