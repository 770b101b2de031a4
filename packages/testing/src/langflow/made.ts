import { createHash } from 'node:crypto'
import type { Prepared } from '../server/http.ts'
import { isReached, readBody } from './recognise.ts'
import type { LangflowVersion } from './recorded.ts'
import { effectiveTweaks } from './tweaks.ts'

type Field = { value?: unknown }
type MadeNode = {
  id: string
  type: string
  data: { id: string; type: string; node: { display_name: string; template: Record<string, Field>; frozen?: boolean } }
}
type MadeEdge = {
  source: string
  target: string
  data: { sourceHandle: { name: string }; targetHandle: { fieldName: string } }
}
export type MadeGraph = { nodes: MadeNode[]; edges: MadeEdge[] }
type More = { stored?: string; name?: string; fields?: Record<string, unknown>; frozen?: boolean }

/** In `A-1 B-2 A-1>B-2` the first of two components feeds the input of the second; `A-1>B-2>tools` feeds another field. */
export const madeGraph = (text: string, more: Record<string, More> = {}): MadeGraph => {
  const words = text.split(' ').filter((word) => word !== '')
  return {
    nodes: words.filter((word) => !word.includes('>')).map((id) => madeNode(id, more[id])),
    edges: words
      .filter((word) => word.includes('>'))
      .map((word) => {
        const [source = '', target = '', fieldName = 'input_value'] = word.split('>')
        return { source, target, data: { sourceHandle: { name: 'output' }, targetHandle: { fieldName } } }
      }),
  }
}

const madeNode = (id: string, { stored = '', name = id.split('-')[0]!, fields = {}, frozen }: More = {}): MadeNode => {
  const type = id.split('-')[0]!
  const own =
    type === 'Webhook'
      ? { data: '' }
      : type === 'Streams'
        ? {
            input_value: stored,
            code: 'async def text(self):\n    async for word in self.words():\n        yield word',
          }
        : { input_value: stored }
  const template = Object.fromEntries(Object.entries({ ...own, ...fields }).map(([field, value]) => [field, { value }]))
  return {
    id,
    type: 'genericNode',
    data: { id, type, node: { display_name: name, template, ...(frozen !== undefined && { frozen }) } },
  }
}

export type MadeFlow = { id: string; name: string; endpoint_name: string | null; graph: MadeGraph }

export const madeId = (name: string): string => {
  const hex = createHash('sha256').update(name).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export const madeRow = ({ id, name, endpoint_name, graph }: MadeFlow, withData: boolean): Record<string, unknown> => ({
  id,
  name,
  endpoint_name,
  description: null,
  is_component: false,
  folder_id: null,
  icon: null,
  tags: [],
  data: withData ? graph : null,
})

/**
 * What a real Langflow does with a flow that was not recorded, by the rules in its source (`Graph._run`, `process_tweaks`), as far as tests
 * need them: which part runs, which components get the input, which outputs answer. Each component returns what it is fed, else what it
 * holds; `Fail` fails, `Silent` returns nothing, `Streams` has a text only when streamed, `Router` stops what comes after it.
 */
export const runMade = (
  flow: MadeFlow,
  asked: { body: string; streamed: boolean },
  version: LangflowVersion,
): Prepared => {
  const body = readBody(asked.body, version)
  if (body === 'bad' || body === 'array' || body === null)
    return json(422, { detail: [{ type: 'json_invalid', loc: ['body'], msg: 'JSON decode error' }] })
  const { nodes, edges } = structuredClone(flow.graph)
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const template = (id: string) => byId.get(id)!.data.node.template
  for (const { component, field, value } of effectiveTweaks(body.tweaks, nodes, version))
    template(component)[field] = { value }

  const inputs = nodes.filter(({ id, data }) =>
    ['ChatInput', 'TextInput', 'Webhook'].some((kind) => kind === data.type || kind === id.split('-')[0]),
  )
  if (body.input_value !== null) {
    for (const { id } of inputs) {
      const fed = edges.some(({ target, data }) => target === id && data.targetHandle.fieldName === 'input_value')
      if (!fed && isReached(id, body.input_type)) template(id)['input_value'] = { value: body.input_value }
    }
  }
  const running = runningIds(
    inputs.map(({ id }) => id),
    nodes,
    edges,
  )
  const streams = new Set<string>()
  const said = new Map<string, string | null>()
  const say = (id: string): string | null => {
    if (said.has(id)) return said.get(id)!
    said.set(id, '') // a cycle ends here
    const { type } = byId.get(id)!.data
    const fed = edges
      .filter(({ target }) => target === id)
      .map(({ source, data }) => ({ field: data.targetHandle.fieldName, text: say(source), source }))
    for (const { source } of fed) if (streams.has(source)) streams.add(id)
    const own =
      type === 'Webhook'
        ? String(template(id)['data']?.value || '{}')
        : String(template(id)['input_value']?.value ?? '')
    const texts = fed.some(({ field }) => field === 'input_value')
      ? fed.map(({ text }) => text)
      : [own, ...fed.map(({ text }) => text)]
    if (type === 'Fail') throw new Error(`Error building Component ${id}: it always fails`)
    if (type === 'Streams') streams.add(id)
    const stopped = type === 'Router' || (texts.length > 0 && fed.some(({ text }) => text === null))
    const text = stopped ? null : type === 'Silent' ? '' : texts.filter((one) => one !== '' && one !== null).join(' ')
    said.set(id, text)
    return text
  }
  try {
    for (const id of running) say(id)
  } catch (error) {
    const message = (error as Error).message // thrown above
    if (asked.streamed)
      return stream([
        { event: 'add_message', data: {} },
        ...(version === '1.7.3' ? [] : [{ event: 'error', data: { error: `Error running graph: ${message}` } }]),
      ])
    return json(500, {
      detail: JSON.stringify({
        message: `Error running graph: ${message}`,
        traceback: null,
        description: null,
        code: null,
        suggestion: null,
      }),
    })
  }
  const isOutput = ({ id, data }: MadeNode) =>
    ['ChatOutput', 'TextOutput', 'DataOutput'].some((kind) => kind === data.type || kind === id.split('-')[0])
  const wanted = (node: MadeNode): boolean =>
    body.output_component !== ''
      ? [node.id, node.data.node.display_name].includes(body.output_component)
      : isOutput(node)
  const outputs = nodes
    .filter((node) => wanted(node) && running.has(node.id) && say(node.id) !== null)
    .map((node) => {
      const text = streams.has(node.id) && !asked.streamed ? '' : (say(node.id) ?? '')
      const source = edges.find(({ target }) => target === node.id)?.source ?? node.id
      const message = { text, error: false, category: 'message', properties: { source: { id: source } } }
      return {
        results: { message },
        artifacts: { message: text, type: 'object' },
        outputs: { message: { message: text, type: 'text' } },
        messages: [],
        component_display_name: node.data.node.display_name,
        component_id: node.id,
      }
    })
  const result = {
    session_id: body.session_id ?? flow.id,
    outputs: [{ inputs: body.input_value === null ? {} : { input_value: body.input_value }, outputs }],
  }
  if (!asked.streamed) return json(200, result)
  const tokens =
    streams.size > 0
      ? outputs
          .flatMap(({ results }) => results.message.text.split(/(?<=\s)/))
          .map((chunk) => ({ event: 'token', data: { chunk } }))
      : []
  return stream([...tokens, { event: 'end', data: { result } }])
}

/** `find_start_component_id` and `get_sorted_vertices`. */
const runningIds = (inputs: string[], nodes: MadeNode[], edges: MadeEdge[]): Set<string> => {
  const start =
    inputs.find((id) => id.toLowerCase().includes('webhook')) ?? inputs.find((id) => id.toLowerCase().includes('chat'))
  if (start === undefined) return new Set(nodes.map(({ id }) => id))
  const walk = (from: string[], step: (id: string) => string[]): Set<string> => {
    const seen = new Set(from)
    const queue = [...from]
    for (let id = queue.shift(); id !== undefined; id = queue.shift())
      for (const other of step(id))
        if (!seen.has(other)) {
          seen.add(other)
          queue.push(other)
        }
    return seen
  }
  const reachable = walk([start], (id) => edges.filter(({ source }) => source === id).map(({ target }) => target))
  return walk([...reachable], (id) => edges.filter(({ target }) => target === id).map(({ source }) => source))
}

const json = (status: number, body: unknown): Prepared => ({
  from: 'made',
  status,
  headers: { 'content-type': 'application/json' },
  pieces: [JSON.stringify(body)],
})
const stream = (events: unknown[]): Prepared => ({
  from: 'made',
  status: 200,
  headers: { 'content-type': 'text/event-stream; charset=utf-8' },
  pieces: events.map((event) => `${JSON.stringify(event)}\n\n`),
})
