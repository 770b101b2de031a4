import { type FlowGraph, type FlowNode, type RunningPart, runningPart, surelyRunning } from './graph.ts'

export const isWebhook = ({ type }: FlowNode): boolean => type === 'Webhook'
/** Takes the plain `input_value` of a run. */
export const isTextInput = (node: FlowNode): boolean =>
  node.isInput &&
  !isWebhook(node) &&
  (node.type === 'ChatInput' || node.type === 'TextInput' || node.fields.has('input_value'))

/** The field that an input goes to. */
export const inputField = (node: FlowNode): string => (isWebhook(node) ? 'data' : 'input_value')
const isFed = (node: FlowNode): boolean => node.fed.has(inputField(node))

/** A component that a person may send the input to. */
export const takesInput = (node: FlowNode): boolean =>
  isTextInput(node) || isWebhook(node) || node.fields.has('input_value')

/** Where the input goes when nobody chose: to what runs and is not fed by another component, and holds nothing yet before what does. */
export const defaultInput = ({ nodes }: FlowGraph, { runs }: RunningPart): FlowNode | null => {
  const usable = nodes.filter((node) => runs.has(node.id) && !isFed(node))
  const inputs = usable.filter(isTextInput)
  // What is in a group gets no tweak, and a webhook gets its input by nothing else.
  return (
    inputs.find(({ type }) => type === 'ChatInput') ??
    inputs.find(({ stored }) => !stored) ??
    inputs[0] ??
    usable.find((node) => isWebhook(node) && !node.grouped) ??
    null
  )
}

/** How an input reaches its component. */
export type Delivery = {
  node: FlowNode
  /** `any` reaches every chat and text input at once, the others one alone; by `tweak` an input does not arrive quite unchanged. */
  by: 'any' | 'chat' | 'text' | 'tweak'
}

const NOBODY: ReadonlySet<string> = new Set()

/**
 * How the input of a flow travels; null when nothing takes it. A chosen component that the flow doesn't have counts as none. What
 * others hold, or get by a tweak, stays.
 */
export const deliveryOf = (
  graph: FlowGraph,
  chosen: string | null,
  tweaked: ReadonlySet<string> = NOBODY,
): Delivery | null => {
  const part = surelyRunning(graph)
  const usual = defaultInput(graph, part)
  const node = graph.nodes.find(({ id }) => id === chosen) ?? usual
  if (node === null) return null
  if (isWebhook(node)) return { node, by: 'tweak' }
  const may = mayRun(graph)
  const overwrites = graph.nodes.some(
    (other) =>
      other !== node &&
      isTextInput(other) &&
      may.has(other.id) &&
      (other.stored || isFed(other) || tweaked.has(other.id)),
  )
  if (node === usual && !overwrites) return { node, by: 'any' }
  const sole = soleInputType(graph, node)
  return { node, by: sole ?? (node.grouped ? 'any' : 'tweak') }
}

/** What runs at one version of Langflow or another. */
const mayRun = (graph: FlowGraph): ReadonlySet<string> =>
  new Set([...runningPart(graph).runs, ...runningPart(graph, { old: true }).runs])

/** The input type that reaches this node and no other input: Langflow goes by what the ids hold, and from 1.10 on by the types. Null when there is none. */
const soleInputType = ({ nodes }: FlowGraph, node: FlowNode): 'chat' | 'text' | null => {
  const inputs = nodes.filter(({ isInput, isInputOfOld }) => isInput || isInputOfOld)
  const fits = (type: string, component: string): boolean => {
    const byId = (one: FlowNode): boolean => one.id.toLowerCase().includes(type)
    const byType = (one: FlowNode): boolean => one.type === component
    return byId(node) && byType(node) && inputs.every((one) => one === node || (!byId(one) && !byType(one)))
  }
  return fits('chat', 'ChatInput') ? 'chat' : fits('text', 'TextInput') ? 'text' : null
}

/** Why an input cannot reach the component that somebody chose; null when it can. */
export const inputProblem = (graph: FlowGraph, node: FlowNode): string | null => {
  const part = surelyRunning(graph)
  if (!part.runs.has(node.id)) return notRunning(node, part)
  if (isFed(node)) return `${node.id} is fed by another component of the flow, which overwrites the input`
  if (node.grouped && isWebhook(node)) return `${node.id} is inside a group, where no tweak reaches it`
  return null
}

export const outputProblem = (graph: FlowGraph, node: FlowNode): string | null => {
  const part = surelyRunning(graph)
  return part.runs.has(node.id) ? null : notRunning(node, part)
}

/** The same of both components that were chosen for a flow, as far as it has them. */
export const chosenProblem = (
  graph: FlowGraph,
  { input_component, output_component }: { input_component: string | null; output_component: string | null },
): string | null => {
  const input = graph.nodes.find(({ id }) => id === input_component)
  const output = graph.nodes.find(({ id }) => id === output_component)
  return (input && inputProblem(graph, input)) ?? (output && outputProblem(graph, output)) ?? null
}

const notRunning = ({ id }: FlowNode, { start }: RunningPart): string =>
  start
    ? `${id} does not run: Langflow starts at ${start.id} and runs only what is connected to it`
    : `${id} does not run: Langflow finds nothing to start at`

/** A component that took the place of one that the flow no longer has: the only new one of its kind that runs. */
export const replacementOf = (id: string, before: FlowGraph, graph: FlowGraph): FlowNode | null => {
  const old = before.nodes.find((node) => node.id === id)
  if (!old) return null
  const { runs } = surelyRunning(graph)
  const alike = graph.nodes.filter((node) => node.type === old.type && runs.has(node.id))
  const fresh = alike.filter((node) => !before.nodes.some((one) => one.id === node.id))
  return fresh.length === 1 ? fresh[0]! : null
}
