import { isObject, type JsonNode, jsonNode, jsonText, sliceAt, SourceError } from '@automagik-spark/core'
import { z } from 'zod'
import { shaped } from '../http/client.ts'
import { reasonOf } from '../http/error-reason.ts'
import { flowFailed } from '../http/failure.ts'
import { type JsonDocument, jsonDocuments, type JsonStream } from '../json/documents.ts'
import type { JsonValue, ReadJson } from '../json/reader.ts'
import { oneLine } from '../plain-text.ts'

/** What one output component returned: `results` holds, by output name, a message, data, a table or a text. */
const Output = z.object({
  component_id: z.string().nullish(),
  results: z.unknown().optional(),
  outputs: z.unknown().optional(),
})
const Answer = z.object({ outputs: z.array(z.object({ outputs: z.array(Output.nullable()) }).nullable()) })
/** `source`: its place in the server's own text. */
type Output = z.output<typeof Output> & { source: () => JsonNode | undefined }

export type LangflowAnswer = {
  result: string
  notes: string[]
  /** The components that answered, as far as the answer names them. */
  from: string[]
  /** The components before the outputs that made the texts, as far as the messages name them. */
  makers: string[]
  /** There are outputs, and all are empty although something other than an input made them. */
  allEmpty: boolean
}

/** The text of a run's answer for a person. `chosen`: the output component to read, which must be there; null: all of them. */
export const readLangflowAnswer = (
  where: string,
  { value, text: source }: ReadJson,
  chosen: string | null,
): LangflowAnswer => {
  const node = jsonNode(source)
  const outputs = shaped(where, Answer, value).outputs.flatMap((run, i) =>
    (run?.outputs ?? []).flatMap((output, j): Output[] =>
      output ? [{ ...output, source: () => node.at('outputs')?.at(i)?.at('outputs')?.at(j) }] : [],
    ),
  )
  const wanted = outputs.filter(({ component_id }) => component_id === chosen)
  // The text of another component would pass for the answer of the chosen one.
  if (chosen !== null && wanted.length === 0) throw noOutput(chosen)
  const notes: string[] = []
  const read = (chosen === null ? outputs : wanted).flatMap(textsOf)
  if (read.length === 0) notes.push('The flow ran and gave no output.')
  return {
    result: read
      .map(({ text }) => text)
      .filter((text) => text !== '')
      .join('\n\n'),
    notes,
    from: outputs.flatMap(({ component_id }) => component_id ?? []),
    makers: read.flatMap(({ maker }) => maker || []),
    allEmpty: read.length > 0 && read.every(({ text, echoed }) => text === '' && !echoed),
  }
}

const noOutput = (chosen: string): SourceError =>
  new SourceError(
    'no_output',
    'bad_answer',
    `The flow ran, and its output component ${oneLine(chosen, 100)} gave no answer: the run did not come to it, or the flow has it no longer. Sync the workflow, and choose an output_component that runs.`,
  )

type ReadText = { text: string; echoed: boolean; maker?: string }

const textsOf = (output: Output): ReadText[] => {
  const within =
    (...path: string[]) =>
    () =>
      path.reduce((node, key) => node?.at(key), output.source())
  const results = entries(output.results)
  if (results.length > 0) return results.flatMap(([key, value]) => textOf(value, within('results', key)))
  // Only here is the value of data from a component that is not an output.
  return entries(output.outputs).flatMap(([key, value]) =>
    isObject(value) && 'message' in value
      ? textOf(value['message'], within('outputs', key, 'message'))
      : textOf(value, within('outputs', key)),
  )
}

/** A value that is not a text is shown as the server wrote it. */
const textOf = (value: unknown, source: () => JsonNode | undefined): ReadText[] => {
  if (value === null || value === undefined) return []
  if (typeof value === 'string') return [{ text: value, echoed: false }]
  if (!isObject(value)) return [{ text: source()?.text ?? jsonText(value), echoed: false }]
  const text = value['text']
  if (value['error'] === true || value['category'] === 'error') throw flowFailed(typeof text === 'string' ? text : null)
  const maker = sourceOf(value)
  if (typeof text === 'string' || text === null)
    return [{ text: text ?? '', echoed: /^(Chat|Text)Input\b/.test(maker), maker }]
  const node = 'data' in value && 'text_key' in value ? source()?.at('data') : source()
  return [{ text: node?.text ?? jsonText(value), echoed: false }]
}

/** The component that made a message. */
const sourceOf = (message: Record<string, unknown>): string => {
  const { properties } = message
  const source = isObject(properties) ? properties['source'] : null
  return isObject(source) && typeof source['id'] === 'string' ? source['id'] : ''
}

const entries = (value: unknown): [string, unknown][] => (isObject(value) ? Object.entries(value) : [])

/**
 * The result of a streamed run: JSON documents separated by blank lines, one of which is the `end`. Without an `end` the run failed; from
 * Langflow 1.8 on `error` events say why.
 */
export const readLangflowStream = async (
  where: string,
  stream: JsonStream,
): Promise<JsonDocument & { tokens: number }> => {
  let reason: string | null = null
  let tokens = 0
  try {
    for await (const { value: event, text, bytes } of jsonDocuments(where, stream)) {
      if (!isObject(event)) continue
      const data = isObject(event['data']) ? event['data'] : {}
      if (event['event'] === 'end') {
        return {
          value: data['result'] ?? null,
          text: sliceAt(text, ['data', 'result']) ?? jsonText(null),
          bytes,
          tokens,
        }
      }
      if (event['event'] === 'token') tokens++
      if (event['event'] === 'error')
        reason = reasonOf(data) ?? (typeof data['text'] === 'string' ? data['text'] : reason)
      // A server that does not stream sends the result alone.
      if (event['event'] === undefined && 'outputs' in event) return { value: event as JsonValue, text, bytes, tokens }
    }
  } catch (error) {
    // The connection broke after an error event: the outcome is known.
    if (reason !== null && error instanceof SourceError && error.failure === 'unknown') throw flowFailed(reason)
    throw error
  }
  throw flowFailed(reason)
}
