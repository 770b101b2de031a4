import type { FlowGraph, FlowNode } from './graph.ts'
import { surelyRunning, upstreamOf } from './graph.ts'

/** Python that returns its text piece by piece. */
const PIECEWISE =
  /\byield\b|\.a?stream\(|\bAsync(Iterator|Iterable|Generator)\b|\b(Generator|Iterator)\[|\bItera(tor|ble)\[str\]/

/** A generator expression that is passed on as it is (`text=(w for w in words)`), not one that a list or a `join` consumes. */
const givesAGenerator = (line: string): boolean => {
  const at = line.search(/=[ \t]*\(/)
  const loop = at === -1 ? -1 : line.indexOf(' for ', at)
  return loop !== -1 && line.indexOf(' in ', loop) !== -1
}
const isPiecewise = (code: string): boolean => PIECEWISE.test(code) || code.split('\n').some(givesAGenerator)

/** Langflow's own components: in a plain run they return the whole text, whatever their code is. */
const OWN_MODULE = /^(lfx|langflow)\.(components|base)\./
const OWN_TYPES = new Set([
  'Agent',
  'RunnableExecutor',
  'URL',
  'URLComponent',
  'SaveToFile',
  'ChatInput',
  'ChatOutput',
  'TextInput',
  'TextOutput',
  'DataOutput',
  'Webhook',
])

/** The components that lead to an output in the part that runs. */
const speaking = (graph: FlowGraph): FlowNode[] => {
  const { runs } = surelyRunning(graph)
  const before = upstreamOf(
    graph,
    graph.nodes.filter((node) => node.isOutput && runs.has(node.id)).map(({ id }) => id),
  )
  return graph.nodes.filter((node) => runs.has(node.id) && before.has(node.id))
}

// A plain run turns `stream` switches off, but not those inside groups.
const isSwitchedOff = (node: FlowNode): boolean => !node.grouped && node.fields.has('stream')
const isOwn = ({ module, type }: FlowNode): boolean => (module === null ? OWN_TYPES.has(type) : OWN_MODULE.test(module))

/** Whether a component returns its text only as a stream, by its code: a plain run would have an empty text. */
export const streamsByItsCode = (graph: FlowGraph): boolean => {
  const known = seen.get(graph) ?? looksPiecewise(graph)
  seen.set(graph, known)
  return known
}
/** Code is long, and every run of a flow has the same. */
const seen = new WeakMap<FlowGraph, boolean>()
const looksPiecewise = (graph: FlowGraph): boolean =>
  speaking(graph).some((node) => {
    if (node.grouped && node.fields.get('stream')?.['value'] === true) return true
    return node.code !== null && !isOwn(node) && !isSwitchedOff(node) && isPiecewise(node.code)
  })

/** Whether a component whose code is not known may only stream. */
export const mayStreamUnseen = (graph: FlowGraph): boolean =>
  graph.nodes.length === 0 || speaking(graph).some((node) => node.code === null && !isOwn(node) && !isSwitchedOff(node))
