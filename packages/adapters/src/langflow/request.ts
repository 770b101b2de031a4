import type { JsonText } from '@automagik-spark/core'
import {
  asStringText,
  isObjectText,
  isStringText,
  jsonText,
  membersOf,
  objectText,
  partOf,
  plainText,
  SourceError,
} from '@automagik-spark/core'
import { oneLine } from '../plain-text.ts'
import type { AskedRun, RunCall, RunProblems } from '../source.ts'
import { type FlowGraph, graphOf, type InputRule } from './graph.ts'
import { chosenProblem, type Delivery, deliveryOf, inputField, isWebhook } from './input.ts'
import {
  codeTweaks,
  mistypedTweaks,
  overfedTweaks,
  tweakedInputs,
  tweakOfTheInput,
  unplacedTweaks,
  unreadable,
} from './tweaks.ts'

/** The body of a run; the notes say what of the input and the tweaks does not arrive unchanged. */
export const runRequest = (call: RunCall, rule: InputRule): { body: JsonText; notes: string[] } => {
  const { input_value: input, tweaks } = call
  const graph = graphOf(call.data, rule)
  refuseIdle(graph, call)
  refuseUnreadable(call)
  const output = graph.nodes.find(({ id }) => id === call.output_component)
  const body: [string, JsonText][] = [
    ['output_type', jsonText('any')],
    ['session_id', jsonText(call.session_id)],
    // A component that is not an output answers only when it is named.
    ...(output && !output.isOutput ? [['output_component', jsonText(output.id)] satisfies [string, JsonText]] : []),
  ]
  const said = notesOf(graph, tweaks)
  const given = (notes: string[], changed: JsonText | null = tweaks) => ({
    body: objectText(changed === null ? body : [...body, ['tweaks', changed]]),
    notes: [...said, ...notes],
  })

  // Without `input_value` the flow uses the text that its input holds or gets by a tweak. An empty one would overwrite both.
  if (input === null) return given([])
  const twice = tweakOfTheInput(graph, call.input_component, tweaks)
  if (twice !== null) said.push(`Both the input and the tweak ${twice} fill one field: the input was taken.`)
  const delivery = deliveryOf(graph, call.input_component, tweakedInputs(graph, tweaks))
  const by = wayOf(delivery, tweaks)
  if (by !== 'tweak') {
    // `any` reaches chat and text inputs; with `chat` a flow with text inputs alone would run without its input. Only strings are taken.
    body.push(['input_type', jsonText(by)], ['input_value', asStringText(input)])
    return given(
      !delivery && graph.nodes.length > 0 ? ['Nothing in the flow takes the input of a run: it was ignored.'] : [],
    )
  }
  const { node } = delivery!
  const text = isWebhook(node) ? webhookData(input) : isStringText(input) ? plainText(input) : tweakJson(input)
  // An `input_value` would overwrite the stored texts of all other inputs.
  body.push(['input_type', jsonText('any')])
  const notes = text.includes('\\n')
    ? [`The input holds a backslash followed by n. Langflow takes the two for a line break in what goes to ${node.id}.`]
    : []
  return given(notes, tweaked(tweaks, node.id, inputField(node), text))
}

/** Tweaks that have no effect. Such a run is made all the same (they were stored before they were checked, or could not be checked), with a note. */
const notesOf = (graph: FlowGraph, tweaks: JsonText | null): string[] => {
  if (tweaks === null || graph.nodes.length === 0) return []
  return [
    ...unplacedTweaks(graph, tweaks).map(
      (what) => `A tweak has no place in the flow as it was synced: it lacks ${what}. Langflow ignores such tweaks.`,
    ),
    ...codeTweaks(graph, tweaks).map(
      (id) => `The code of ${id} is tweaked: Langflow from 1.6 on ignores that, or refuses the run.`,
    ),
    ...mistypedTweaks(graph, tweaks).map(
      (where) =>
        `The tweak of ${where} is not a text, and that field takes nothing else: Langflow keeps what the flow holds.`,
    ),
    ...overfedTweaks(graph, tweaks).map(
      (where) => `The tweak of ${where} changes nothing: another component of the flow fills that field.`,
    ),
  ]
}

const refuseUnreadable = ({ input_value, tweaks }: Pick<RunCall, 'input_value' | 'tweaks'>): void => {
  const [error] = unreadable(input_value, tweaks)
  if (error)
    throw new SourceError(
      'bad_request',
      'refused',
      `The flow was not run, as it would run without its input: ${error.path} ${error.message}.`,
    )
}

/** What a requested run would lose. */
export const checkRun = (
  { input_value, tweaks, input_component, data }: AskedRun,
  rule: InputRule = 'not known',
): RunProblems => {
  const graph = graphOf(data, rule)
  const errors = unreadable(input_value, tweaks)
  const twice = input_value === null ? null : tweakOfTheInput(graph, input_component, tweaks)
  if (twice !== null) {
    errors.push(
      { path: `tweaks.${twice}`, message: 'is the field that input_value fills: leave one of the two out' },
      { path: 'input_value', message: `goes to the field that the tweak ${twice} sets: leave one of the two out` },
    )
  }
  return {
    errors,
    unplaced: unplacedTweaks(graph, tweaks),
    places: graph.shown.map(({ id, displayName }) =>
      displayName === null ? id : `${id} ("${oneLine(displayName, 60)}")`,
    ),
  }
}

/** Langflow refuses an input of type `chat` or `text` beside a tweak of an input's value: it is sent as a tweak, too. */
const wayOf = (delivery: Delivery | null, tweaks: JsonText | null): Delivery['by'] => {
  if (delivery === null) return 'any'
  return delivery.by !== 'any' && !delivery.node.grouped && tweaksAnInput(tweaks) ? 'tweak' : delivery.by
}

/** Refuses a run whose chosen components do not run: the input would be lost, or no answer would come. */
const refuseIdle = (
  graph: FlowGraph,
  {
    input_value,
    input_component,
    output_component,
  }: Pick<RunCall, 'input_value' | 'input_component' | 'output_component'>,
): void => {
  const problem = chosenProblem(graph, {
    input_component: input_value === null ? null : input_component,
    output_component,
  })
  if (problem !== null)
    throw new SourceError(
      'bad_request',
      'refused',
      `The flow cannot be run with the components that were chosen for it: ${problem}. Choose others when you sync it.`,
    )
}

const tweaksAnInput = (tweaks: JsonText | null): boolean =>
  tweaks !== null && membersOf(tweaks).some(([, tweak]) => partOf(tweak, 'input_value') !== undefined)

/** Adds one field to the tweaks; all else stays as it was written. */
const tweaked = (tweaks: JsonText | null, component: string, field: string, text: string): JsonText => {
  const given = tweaks === null ? [] : membersOf(tweaks)
  const own = given.findLast(([key]) => key === component)?.[1] // of doubled keys the server takes the last
  const fields = own ? membersOf(own).filter(([key]) => key !== field) : []
  return objectText([
    ...given.filter(([key]) => key !== component),
    [component, objectText([...fields, [field, jsonText(text)]])],
  ])
}

/** A webhook takes a JSON object as text. Any other input is wrapped in `payload`, as Langflow does. */
const webhookData = (input: JsonText): string => {
  if (isObjectText(input)) return tweakJson(input)
  const text = plainText(input)
  return tweakJson(isStringText(input) && isObject(text) ? text : objectText([['payload', input]]))
}

const isObject = (text: string): boolean => {
  if (!text.trimStart().startsWith('{')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The same JSON without a backslash before an n: in a tweak Langflow turns the two into a line break, which breaks the JSON. */
const tweakJson = (json: string): string =>
  json.replace(/\\(.)/g, (escape, character) =>
    character === 'n' ? '\\u000a' : character === '\\' ? '\\u005c' : escape,
  )
