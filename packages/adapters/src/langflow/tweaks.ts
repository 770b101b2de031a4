import { type FieldError, isObjectText, isStringText, type JsonText, membersOf, readJson } from '@automagik-spark/core'
import { isObject } from '@automagik-spark/core'
import { oneLine } from '../plain-text.ts'
import type { FlowGraph, FlowNode } from './graph.ts'
import { deliveryOf, inputField, isTextInput } from './input.ts'

/** The tweaks by component or field; of doubled keys the last counts, as for Langflow. */
const entriesOf = (tweaks: JsonText | null): [key: string, value: JsonText][] => [
  ...new Map(tweaks === null ? [] : membersOf(tweaks)),
]

/** The component that a tweak names, by id or by display name; of several with that name Langflow takes the last. */
const nodeNamed = ({ shown }: FlowGraph, key: string): FlowNode | undefined =>
  shown.find(({ id }) => id === key) ?? shown.findLast(({ displayName }) => displayName === key)

const shownName = (text: string): string => JSON.stringify(oneLine(text, 100))

/** Types of fields whose value is an object. Into a field of another type Langflow puts the members of an object beside its value. */
const OBJECT_TYPES = new Set(['dict', 'NestedDict', 'mcp', 'table', 'tools', 'sortableList'])

/** What the flow lacks for some tweaks, as parts of a sentence. Langflow ignores such tweaks silently. */
export const unplacedTweaks = (graph: FlowGraph, tweaks: JsonText | null): string[] =>
  entriesOf(tweaks).flatMap(([key, value]): string[] => {
    if (!isObjectText(value))
      return graph.shown.some(({ fields }) => fields.has(key)) ? [] : [`a field ${shownName(key)} in any component`]
    const node = nodeNamed(graph, key)
    if (!node) return [`a component ${shownName(key)}, by id or by display name`]
    return [...new Map(membersOf(value))].flatMap(([field, inner]): string[] => {
      const known = node.fields.get(field)
      if (!known) return [`a field ${shownName(field)} in ${node.id}`]
      const misplaced =
        isObjectText(inner) &&
        typeof known['type'] === 'string' &&
        !OBJECT_TYPES.has(known['type']) &&
        membersOf(inner).length > 0 &&
        membersOf(inner).every(([name]) => name !== 'value' && !Object.hasOwn(known, name))
      return misplaced
        ? [`a place for an object in the field ${shownName(field)} of ${node.id} (give it as text, or as {"value": …})`]
        : []
    })
  })

/** Tweaks without effect, as another component of the flow fills the field. */
export const overfedTweaks = (graph: FlowGraph, tweaks: JsonText | null): string[] =>
  entriesOf(tweaks).flatMap(([key, value]) => {
    const node = isObjectText(value) ? nodeNamed(graph, key) : undefined
    return node
      ? membersOf(value).flatMap(([field]) => (node.fed.has(field) ? [`${node.id}.${oneLine(field, 100)}`] : []))
      : []
  })

/** Tweaks that set a text to a number, a boolean or null: Langflow keeps the text of the flow. */
export const mistypedTweaks = (graph: FlowGraph, tweaks: JsonText | null): string[] =>
  entriesOf(tweaks).flatMap(([key, value]) => {
    const node = isObjectText(value) ? nodeNamed(graph, key) : undefined
    return node
      ? membersOf(value).flatMap(([field, inner]) =>
          node.fields.get(field)?.['type'] === 'str' && /^[-\dtfn]/.test(inner)
            ? [`${node.id}.${oneLine(field, 100)}`]
            : [],
        )
      : []
  })

/** Tweaks of a component's code: Langflow 1.5 runs it, later versions ignore or refuse it. */
export const codeTweaks = (graph: FlowGraph, tweaks: JsonText | null): string[] =>
  entriesOf(tweaks).flatMap(([key, value]) => {
    const node = isObjectText(value) ? nodeNamed(graph, key) : undefined
    return node?.fields.has('code') && membersOf(value).some(([field]) => field === 'code') ? [node.id] : []
  })

/** The components whose input a tweak fills. */
export const tweakedInputs = (graph: FlowGraph, tweaks: JsonText | null): ReadonlySet<string> =>
  new Set(
    entriesOf(tweaks).flatMap(([key, value]) => {
      const node = isObjectText(value) ? nodeNamed(graph, key) : undefined
      return node && membersOf(value).some(([field]) => field === inputField(node)) ? [node.id] : []
    }),
  )

/** Whether a field of a group stands for a field of a component inside it. */
const standsFor = (group: FlowNode, name: string, id: string, field: string): boolean => {
  const proxy = group.fields.get(name)?.['proxy']
  return isObject(proxy) && proxy['id'] === id && proxy['field'] === field
}

/** The tweak of the field that takes the input, as the caller wrote it; null when there is none. */
export const tweakOfTheInput = (graph: FlowGraph, chosen: string | null, tweaks: JsonText | null): string | null => {
  const entries = entriesOf(tweaks)
  if (entries.length === 0) return null
  const delivery = deliveryOf(graph, chosen, tweakedInputs(graph, tweaks))
  if (delivery === null) return null
  const filled =
    delivery.by === 'any' ? graph.shown.filter((node) => node === delivery.node || isTextInput(node)) : [delivery.node]
  for (const [key, value] of entries) {
    const node = isObjectText(value) ? nodeNamed(graph, key) : undefined
    const field = inputField(delivery.node)
    if (!isObjectText(value) && key === field) return oneLine(key, 100)
    if (!node) continue
    const name = membersOf(value)
      .map(([member]) => member)
      .find((one) => (one === field && filled.includes(node)) || standsFor(node, one, delivery.node.id, field))
    if (name !== undefined) return `${oneLine(key, 100)}.${oneLine(name, 100)}`
  }
  return null
}

/**
 * What Langflow cannot read. From 1.7 on it does not refuse such a body, but runs the flow without input and tweaks. It reads a text or
 * an object for each tweak, no half of a surrogate pair, and no number beyond a double's range.
 */
export const unreadable = (input: JsonText | null, tweaks: JsonText | null): FieldError[] => {
  const errors: FieldError[] = []
  if (input !== null && isStringText(input) && hasHalfPairs(input))
    errors.push({ path: 'input_value', message: 'holds half of a surrogate pair, which Langflow cannot read' })
  if (tweaks === null) return errors
  if (hasHalfPairs(tweaks))
    errors.push({ path: 'tweaks', message: 'hold half of a surrogate pair, which Langflow cannot read' })
  if (hasHugeNumber(readJson(tweaks)))
    errors.push({ path: 'tweaks', message: 'hold a number that is too large for Langflow' })
  const bare = entriesOf(tweaks).find(([, value]) => !isObjectText(value) && !isStringText(value))
  if (bare)
    errors.push({
      path: `tweaks.${oneLine(bare[0], 100)}`,
      message:
        'must be a text, or an object with the fields of one component: Langflow takes nothing else for all components',
    })
  return errors
}

const hasHalfPairs = (text: JsonText): boolean =>
  !text.isWellFormed() || (/\\u[dD][89a-fA-F]/.test(text) && hasHalf(readJson(text)))
const hasHalf = (value: unknown): boolean => {
  if (typeof value === 'string') return !value.isWellFormed()
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([key, inner]) => !key.isWellFormed() || hasHalf(inner))
}
const hasHugeNumber = (value: unknown): boolean => {
  if (typeof value === 'number') return !Number.isFinite(value)
  return typeof value === 'object' && value !== null && Object.values(value).some(hasHugeNumber)
}
