import type { JsonValue } from './json.ts'
import { isOutput, isWebhook, nodesOf, soleInputType, tweakTarget } from './langflow-flow.ts'
import type { RunCall } from './source.ts'

/** Langflow refuses nothing but strings, and from 1.7 on doesn't even refuse: it runs without the input. */
export const inputText = (value: JsonValue): string => (typeof value === 'string' ? value : JSON.stringify(value))

/** The body of a run; the notes say what of the input cannot be brought unchanged. */
export const runRequest = (call: RunCall): { body: JsonValue; notes: string[] } => {
  const nodes = nodesOf(call.data)
  const target = tweakTarget(nodes, call.input_component)
  const output = nodes.find(({ id }) => id === call.output_component)
  const tweaks = (call.tweaks ?? {}) as { [key: string]: JsonValue } // came in as JSON
  const body = {
    output_type: 'any',
    session_id: call.session_id,
    // Components that are no outputs answer only when asked by name.
    ...(output && !isOutput(output) ? { output_component: output.id } : {}),
  }
  // Beside a tweak of a chat input's value Langflow refuses an input for chat alone.
  const sole = target && !Object.values(tweaks).some((tweak) => isObject(tweak) && 'input_value' in tweak) ? soleInputType(nodes, target) : null
  if (!target || sole) {
    // `any` reaches chat and text inputs; with `chat` a text-only flow would run without its input.
    return { body: { ...body, input_type: sole ?? 'any', input_value: inputText(call.input_value), ...(call.tweaks ? { tweaks } : {}) }, notes: [] }
  }
  const webhook = isWebhook(target)
  const text = webhook ? webhookData(call.input_value) : typeof call.input_value === 'string' ? call.input_value : tweakJson(inputText(call.input_value))
  const own = tweaks[target.id]
  const tweaked = { ...tweaks, [target.id]: { ...(isObject(own) ? own : {}), [webhook ? 'data' : 'input_value']: text } }
  return {
    // Without `input_value`, which would overwrite the stored values of all other inputs.
    body: { ...body, input_type: 'any', tweaks: tweaked },
    notes: text.includes('\\n') ? [`The input holds a backslash followed by n. Langflow takes the two for a line break in what goes to ${target.id}.`] : [],
  }
}

/** A webhook takes a JSON object as text; Langflow itself wraps what is none in `payload`. */
const webhookData = (value: JsonValue): string => {
  if (typeof value === 'string') {
    try {
      if (isObject(JSON.parse(value) as JsonValue)) return tweakJson(value)
    } catch {
      // Plain text.
    }
  }
  return tweakJson(JSON.stringify(isObject(value) ? value : { payload: value }))
}

/** The same JSON without a backslash before an n: in a tweak Langflow makes a line break of the two, which breaks the JSON. */
const tweakJson = (json: string): string =>
  json.replace(/\\(.)/g, (escape, character) => (character === 'n' ? '\\u000a' : character === '\\' ? '\\u005c' : escape))

const isObject = (value: JsonValue | undefined): value is { [key: string]: JsonValue } => typeof value === 'object' && value !== null && !Array.isArray(value)
