import type { FlowGraph, FlowNode } from './langflow-graph.ts'
import { surelyRunning, upstreamOf } from './langflow-graph.ts'

/** Python that hands over its text piece by piece. */
/** A generator expression counts where it is given away as it is, not where a list or a `join` eats it up. */
const PIECEWISE = /=[ \t]*\([^\n]{0,500}?[ \t)]for [^\n]{1,200}? in |\byield\b|\.a?stream\(|\bAsync(Iterator|Iterable|Generator)\b|\b(Generator|Iterator)\[|\bItera(tor|ble)\[str\]/
/** Langflow's own components: in a plain run they answer with a whole text, whatever their code holds. */
const OWN_MODULE = /^(lfx|langflow)\.(components|base)\./
const OWN_TYPES = new Set(['Agent', 'RunnableExecutor', 'URL', 'URLComponent', 'SaveToFile', 'ChatInput', 'ChatOutput', 'TextInput', 'TextOutput', 'DataOutput', 'Webhook'])

/** What leads to an output of the part that runs. */
const speaking = (graph: FlowGraph): FlowNode[] => {
  const { runs } = surelyRunning(graph)
  const before = upstreamOf(graph, graph.nodes.filter((node) => node.isOutput && runs.has(node.id)).map(({ id }) => id))
  return graph.nodes.filter((node) => runs.has(node.id) && before.has(node.id))
}

// A plain run turns every `stream` switch off that stands beside the groups; one inside a group stays as it is.
const isSwitchedOff = (node: FlowNode): boolean => !node.grouped && node.fields.has('stream')
const isOwn = ({ module, type }: FlowNode): boolean => (module === null ? OWN_TYPES.has(type) : OWN_MODULE.test(module))

/** A component of the flow gives its text only as a stream, as far as its code shows: a plain run would answer with an empty text. */
export const streamsByItsCode = (graph: FlowGraph): boolean =>
  speaking(graph).some((node) => {
    if (node.grouped && node.fields.get('stream')?.['value'] === true) return true
    return node.code !== null && !isOwn(node) && !isSwitchedOff(node) && PIECEWISE.test(node.code)
  })

/** The code of a component that may only stream is not known. */
export const mayStreamUnseen = (graph: FlowGraph): boolean =>
  graph.nodes.length === 0 || speaking(graph).some((node) => node.code === null && !isOwn(node) && !isSwitchedOff(node))
