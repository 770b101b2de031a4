import { SourceError } from '@automagik-spark/core'
import type { JsonValue } from '../json/reader.ts'
import type { Drift, FlowUse } from '../source.ts'
import { canonicalGraph } from './flow.ts'
import { type FlowGraph, graphOf, type InputRule, surelyRunning } from './graph.ts'
import { chosenProblem, deliveryOf, isTextInput, replacementOf } from './input.ts'
import { streamsByItsCode } from './stream.ts'
import { tweakedInputs } from './tweaks.ts'

const deliveryIn = (graph: FlowGraph, { input_component, tweaks }: Pick<FlowUse, 'input_component' | 'tweaks'>) =>
  deliveryOf(graph, input_component, tweakedInputs(graph, tweaks))

/** An input sent as a tweak names its component: if that was replaced, Langflow drops the input silently. A run that would be refused also reads the flow first. */
export const readsFirst = (use: FlowUse, rule: InputRule): boolean => {
  if (use.input_value === null) return false
  const graph = graphOf(use.data, rule)
  return deliveryIn(graph, use)?.by === 'tweak' || chosenProblem(graph, use) !== null
}

/** Where the input goes and the answer comes from when the flow is as in `now`. */
export const driftOf = (use: FlowUse, now: JsonValue, rule: InputRule): Drift => {
  const was = graphOf(use.data, rule)
  const graph = graphOf(now, rule)
  const changes: string[] = []
  const chosen = (which: 'input' | 'output', id: string | null): string | null => {
    if (id === null || graph.nodes.some((node) => node.id === id) || !was.nodes.some((node) => node.id === id))
      return id
    const other = replacementOf(id, was, graph)
    if (!other) throw lost(`${id}, the chosen ${which}, is no longer in it, and nothing has plainly taken its place`)
    changes.push(
      which === 'input'
        ? `the input goes to ${other.id} instead of ${id}`
        : `the answer comes from ${other.id} instead of ${id}`,
    )
    return other.id
  }
  const input_component = chosen('input', use.input_component)
  const output_component = chosen('output', use.output_component)
  if (use.input_component === null) {
    const before = deliveryIn(was, use)?.node.id ?? null
    const after = deliveryIn(graph, use)?.node.id ?? null
    if (before !== null && after === null)
      throw lost(
        `${before}, which took the input, is no longer in it or does not run, and nothing else takes the input`,
      )
    if (before !== null && before !== after && answers(was) && !answers(graph))
      throw lost(`the input would go to ${after}, and nothing that runs after it is an output`)
    if (before !== null && before !== after) changes.push(`the input goes to ${after} instead of ${before}`)
  }
  if (use.input_value === null && changes.length === 0 && isOtherPart(was, graph)) changes.push(startsNow(was, graph))
  return {
    input_component,
    output_component,
    change:
      changes.length === 0
        ? null
        : `The flow was changed at its server since it was synced: ${changes.join(', and ')}.`,
  }
}

/** Whether an answer comes from other components than the copy says: the flow was changed, or a router in it took another way. */
export const isFromElsewhere = (data: JsonValue, from: string[], rule: InputRule): boolean => {
  const graph = graphOf(data, rule)
  if (graph.nodes.length === 0) return false
  const { runs } = surelyRunning(graph)
  const expected = graph.nodes.filter((node) => node.isOutput && runs.has(node.id))
  return from.some((id) => !runs.has(id)) || (expected.length > 0 && !expected.some(({ id }) => from.includes(id)))
}

/** An answer can name thousands. */
const MOST_STRANGERS = 20

/** The components that are not in the flow; none when its graph is not known. */
export const strangersIn = (data: JsonValue, ids: string[], rule: InputRule): string[] => {
  const graph = graphOf(data, rule)
  if (ids.length === 0 || graph.nodes.length === 0) return []
  return [...new Set(ids)].filter((id) => id.length < 200 && !has(graph, id)).slice(0, MOST_STRANGERS)
}

/** Why an answer is not to the run's input, when the flow is as in `now`: the input did not reach it, or, in a run without input, another part of it ran. */
export const lostIn = (use: FlowUse, now: JsonValue, from: string[], rule: InputRule): string | null => {
  if (use.input_value === null) return otherPartIn(graphOf(use.data, rule), graphOf(now, rule))
  const sent = deliveryIn(graphOf(use.data, rule), use)
  if (!sent || sent.by === 'tweak') return null
  const graph = graphOf(now, rule)
  const { start, runs } = surelyRunning(graph)
  const reached = graph.nodes.some(
    (node) =>
      isTextInput(node) &&
      runs.has(node.id) &&
      !node.fed.has('input_value') &&
      (sent.by === 'any' || node.id.toLowerCase().includes(sent.by)),
  )
  const strange = from.length > 0 && from.every((id) => !runs.has(id))
  if (reached && strange)
    return `The answer came from ${from.join(', ')}, where the input does not lead: this Langflow starts elsewhere than the flow shows, and ran it without the input.`
  if (reached) return null
  return `The flow was changed at its server since it was synced, and its input did not reach it: ${start ? `Langflow starts at ${start.id} now` : 'nothing in it takes an input now'}. The flow ran without it, so this answer is not the one that was asked for.`
}

/** Whether the flow differs from its copy, and now only streams its text. */
export const hasBegunToStream = (data: JsonValue, now: JsonValue, rule: InputRule): boolean =>
  streamsByItsCode(graphOf(now, rule)) && JSON.stringify(canonicalGraph(now)) !== JSON.stringify(canonicalGraph(data))

const otherPartIn = (was: FlowGraph, graph: FlowGraph): string | null =>
  isOtherPart(was, graph)
    ? `The flow was changed at its server since it was synced, and another part of it runs now: ${startsNow(was, graph)}. This answer is not the one that was asked for.`
    : null

const has = (graph: FlowGraph, id: string): boolean => graph.nodes.some((node) => node.id === id)

/** Whether Langflow now runs another part of the flow, not the same one with components added or replaced. */
const isOtherPart = (was: FlowGraph, graph: FlowGraph): boolean => {
  if (was.nodes.length === 0) return false
  const before = surelyRunning(was)
  const { start, runs } = surelyRunning(graph)
  // Its start is still there, and Langflow does not start at it any more.
  if (before.start && start && start.id !== before.start.id && has(graph, before.start.id)) return true
  if ([...runs].some((id) => before.runs.has(id))) return false
  // Nothing that ran runs now: the part was replaced as a whole, unless a part that was there before runs instead.
  const isNew = [...runs].every((id) => !has(was, id))
  const isGone = before.start === null || !has(graph, before.start.id)
  return !(isNew && isGone && (start === null || start.type === before.start?.type))
}

const startsNow = (was: FlowGraph, graph: FlowGraph): string => {
  const before = surelyRunning(was).start
  const { start } = surelyRunning(graph)
  if (!start) return 'nothing in it takes an input'
  return `Langflow starts at ${start.id}${before ? ` instead of ${before.id}` : ''}`
}

/** Whether the part that runs has an output. */
const answers = (graph: FlowGraph): boolean => {
  const { runs } = surelyRunning(graph)
  return graph.nodes.some((node) => node.isOutput && runs.has(node.id))
}

const lost = (what: string): SourceError =>
  new SourceError(
    'bad_request',
    'refused',
    `The flow was changed at its server since it was synced: ${what}. Sync the workflow, and choose its components if need be.`,
  )
