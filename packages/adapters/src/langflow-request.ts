import { asStringText, isObjectText, isStringText, jsonText, membersOf, objectText, partOf, plainText } from '@automagik-spark/core'
import type { JsonText } from '@automagik-spark/core'
import { isOutput, isWebhook, nodesOf, soleInputType, tweakTarget } from './langflow-flow.ts'
import type { RunCall } from './source.ts'

/** The body of a run; the notes say what of the input cannot be brought unchanged. */
export const runRequest = (call: RunCall): { body: JsonText; notes: string[] } => {
  const nodes = nodesOf(call.data)
  const target = tweakTarget(nodes, call.input_component)
  const output = nodes.find(({ id }) => id === call.output_component)
  const input = call.input_value ?? jsonText('')
  const body: [string, JsonText][] = [
    ['output_type', jsonText('any')],
    ['session_id', jsonText(call.session_id)],
    // Components that are no outputs answer only when asked by name.
    ...(output && !isOutput(output) ? [['output_component', jsonText(output.id)] satisfies [string, JsonText]] : []),
  ]
  // Beside a tweak of a chat input's value Langflow refuses an input for chat alone.
  const sole = target && !tweaksAnInput(call.tweaks) ? soleInputType(nodes, target) : null
  if (!target || sole) {
    // `any` reaches chat and text inputs; with `chat` a text-only flow would run without its input.
    body.push(['input_type', jsonText(sole ?? 'any')], ['input_value', asStringText(input)]) // it takes nothing but strings
    if (call.tweaks !== null) body.push(['tweaks', call.tweaks])
    return { body: objectText(body), notes: [] }
  }
  const webhook = isWebhook(target)
  const text = webhook ? webhookData(input) : isStringText(input) ? plainText(input) : tweakJson(input)
  // Without `input_value`, which would overwrite the stored values of all other inputs.
  body.push(['input_type', jsonText('any')], ['tweaks', tweaked(call.tweaks, target.id, webhook ? 'data' : 'input_value', text)])
  return {
    body: objectText(body),
    notes: text.includes('\\n') ? [`The input holds a backslash followed by n. Langflow takes the two for a line break in what goes to ${target.id}.`] : [],
  }
}

const tweaksAnInput = (tweaks: JsonText | null): boolean => tweaks !== null && membersOf(tweaks).some(([, tweak]) => partOf(tweak, 'input_value') !== undefined)

/** The tweaks with one more field; everything else stays as it was written. */
const tweaked = (tweaks: JsonText | null, component: string, field: string, text: string): JsonText => {
  const given = tweaks === null ? [] : membersOf(tweaks)
  const own = given.findLast(([key]) => key === component)?.[1] // as the server will read it
  const fields = own ? membersOf(own).filter(([key]) => key !== field) : []
  return objectText([...given.filter(([key]) => key !== component), [component, objectText([...fields, [field, jsonText(text)]])]])
}

/** A webhook takes a JSON object as text; Langflow itself wraps what is none in `payload`. */
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

/** The same JSON without a backslash before an n: in a tweak Langflow makes a line break of the two, which breaks the JSON. */
const tweakJson = (json: string): string =>
  json.replace(/\\(.)/g, (escape, character) => (character === 'n' ? '\\u000a' : character === '\\' ? '\\u005c' : escape))
