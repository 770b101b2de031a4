import { type FlowGraph, type FlowNode, type RunningPart, runningPart, surelyRunning } from './graph.ts'

export const isWebhook = ({ type }: FlowNode): boolean => type === 'Webhook'
/** Whether it takes the plain `input_value` of a run. */
export const isTextInput = (node: FlowNode): boolean =>
  node.isInput &&
  !isWebhook(node) &&
  (node.type === 'ChatInput' || node.type === 'TextInput' || node.fields.has('input_value'))

/** The field that takes the input. */
export const inputField = (node: FlowNode): string => (isWebhook(node) ? 'data' : 'input_value')
const isFed = (node: FlowNode): boolean => node.fed.has(inputField(node))

/** Whether a user may choose it as input component. */
export const takesInput = (node: FlowNode): boolean =>
  isTextInput(node) || isWebhook(node) || node.fields.has('input_value')

/** Where the input goes by default: to an input that runs and that no other component feeds; one without a stored text comes first. */
export const defaultInput = ({ nodes }: FlowGraph, { runs }: RunningPart): FlowNode | null => {
  const usable = nodes.filter((node) => runs.has(node.id) && !isFed(node))
  const inputs = usable.filter(isTextInput)
  // A webhook gets its input by a tweak, which does not reach into a group.
  return (
    inputs.find(({ type }) => type === 'ChatInput') ??
    inputs.find(({ stored }) => !stored) ??
    inputs[0] ??
    usable.find((node) => isWebhook(node) && !node.grouped) ??
    null
  )
}

/** How the input reaches its component. */
export type Delivery = {
  node: FlowNode
  /** `any` reaches all chat and text inputs at once, the others only one. By `tweak` Langflow changes some characters of the input. */
  by: 'any' | 'chat' | 'text' | 'tweak'
}

const NOBODY: ReadonlySet<string> = new Set()

/**
 * How the input of a flow is sent; null when nothing takes it. A chosen component that the flow lacks is ignored. Texts that other inputs
 * hold, or get by a tweak, stay.
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

/** What some version of Langflow runs. */
const mayRun = (graph: FlowGraph): ReadonlySet<string> =>
  new Set([...runningPart(graph).runs, ...runningPart(graph, { old: true }).runs])

/** The input type that reaches this component and no other input; null when there is none. Langflow goes by names in the ids, from 1.10 on by types. */
const soleInputType = ({ nodes }: FlowGraph, node: FlowNode): 'chat' | 'text' | null => {
  const inputs = nodes.filter(({ isInput, isInputOfOld }) => isInput || isInputOfOld)
  const fits = (type: string, component: string): boolean => {
    const byId = (one: FlowNode): boolean => one.id.toLowerCase().includes(type)
    const byType = (one: FlowNode): boolean => one.type === component
    return byId(node) && byType(node) && inputs.every((one) => one === node || (!byId(one) && !byType(one)))
  }
  return fits('chat', 'ChatInput') ? 'chat' : fits('text', 'TextInput') ? 'text' : null
}

/** Why the input cannot reach the chosen component; null when it can. */
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

/** The problem of the chosen components, as far as the flow has them; null: none. */
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

/** The component that replaced one that the flow lacks now: the only new one of its type that runs. */
export const replacementOf = (id: string, before: FlowGraph, graph: FlowGraph): FlowNode | null => {
  const old = before.nodes.find((node) => node.id === id)
  if (!old) return null
  const { runs } = surelyRunning(graph)
  const alike = graph.nodes.filter((node) => node.type === old.type && runs.has(node.id))
  const fresh = alike.filter((node) => !before.nodes.some((one) => one.id === node.id))
  return fresh.length === 1 ? fresh[0]! : null
}
