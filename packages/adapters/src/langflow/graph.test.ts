import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../json/reader.ts'
import { graphOf, runningPart, surelyRunning } from './graph.ts'

type Made = { frozen?: boolean; is_input?: boolean; type?: string; flow?: unknown; outputs?: unknown }
const node = (id: string, { type = id.split('-')[0]!, ...more }: Made = {}) => ({
  id,
  data: { id, type, node: { display_name: id, template: { input_value: { value: '' } }, ...more } },
})
const edge = (text: string) => {
  const [source = '', target = '', field = 'input_value'] = text.split('>')
  return { source, target, data: { sourceHandle: { name: 'out' }, targetHandle: { fieldName: field } } }
}
/** `A B C` are nodes, `A>B` is an edge, `A>B>field` one to a field. */
const graph = (text: string, more: Record<string, Made> = {}) => {
  const words = text.split(' ')
  return graphOf({
    nodes: words.filter((word) => !word.includes('>')).map((id) => node(id, more[id])),
    edges: words.filter((word) => word.includes('>')).map(edge),
  } as unknown as JsonValue)
}
const part = (of: ReturnType<typeof graph>, old = false) => {
  const { start, runs } = runningPart(of, { old })
  return `${start?.id ?? 'all'}: ${[...runs].sort().join(' ')}`
}

describe('runningPart', () => {
  it.each([
    ['one part', 'ChatInput-1 ChatOutput-2 ChatInput-1>ChatOutput-2', 'ChatInput-1: ChatInput-1 ChatOutput-2'],
    [
      'a webhook before a chat input, whatever their order',
      'ChatInput-1 ChatOutput-2 Webhook-3 Parser-4 ChatInput-1>ChatOutput-2 Webhook-3>Parser-4',
      'Webhook-3: Parser-4 Webhook-3',
    ],
    [
      'the first of several webhooks',
      'Webhook-1 Webhook-2 A-3 B-4 Webhook-1>A-3 Webhook-2>B-4',
      'Webhook-1: A-3 Webhook-1',
    ],
    ['the first of several chat inputs', 'ChatInput-2 ChatInput-1 A-3 ChatInput-1>A-3', 'ChatInput-2: ChatInput-2'],
    [
      'a chat input before a text input',
      'TextInput-1 TextOutput-2 ChatInput-3 ChatOutput-4 TextInput-1>TextOutput-2 ChatInput-3>ChatOutput-4',
      'ChatInput-3: ChatInput-3 ChatOutput-4',
    ],
    [
      'all of it when there are only text inputs',
      'TextInput-1 TextInput-2 TextOutput-3 TextInput-1>TextOutput-3',
      'all: TextInput-1 TextInput-2 TextOutput-3',
    ],
    [
      'all of it when there is no input',
      'Prompt-1 ChatOutput-2 Other-3 Prompt-1>ChatOutput-2',
      'all: ChatOutput-2 Other-3 Prompt-1',
    ],
    [
      'what feeds what the start reaches',
      'ChatInput-1 Agent-2 ChatOutput-3 Tool-4 TextInput-5 Prompt-6 ChatInput-1>Agent-2 Agent-2>ChatOutput-3 Tool-4>Agent-2>tools TextInput-5>Prompt-6 Prompt-6>Agent-2>system_prompt',
      'ChatInput-1: Agent-2 ChatInput-1 ChatOutput-3 Prompt-6 TextInput-5 Tool-4',
    ],
    [
      'not what hangs at something that only feeds',
      'ChatInput-1 ChatOutput-2 Model-3 ChatOutput-4 ChatInput-1>ChatOutput-2 Model-3>ChatOutput-2 Model-3>ChatOutput-4',
      'ChatInput-1: ChatInput-1 ChatOutput-2 Model-3',
    ],
    [
      'a start in the middle, and what feeds it',
      'Prompt-1 ChatInput-2 ChatOutput-3 Prompt-1>ChatInput-2>sender_name ChatInput-2>ChatOutput-3',
      'ChatInput-2: ChatInput-2 ChatOutput-3 Prompt-1',
    ],
    [
      'a loop',
      'ChatInput-1 Loop-2 Parser-3 ChatOutput-4 ChatInput-1>Loop-2>data Loop-2>Parser-3 Parser-3>Loop-2>item Loop-2>ChatOutput-4',
      'ChatInput-1: ChatInput-1 ChatOutput-4 Loop-2 Parser-3',
    ],
    [
      'a circle that something feeds',
      'ChatInput-1 A-2 B-3 ChatInput-1>A-2 A-2>B-3 B-3>A-2',
      'ChatInput-1: A-2 B-3 ChatInput-1',
    ],
    [
      'the whole flow when it is one circle',
      'ChatInput-1 A-2 ChatInput-1>A-2 A-2>ChatInput-1',
      'ChatInput-1: A-2 ChatInput-1',
    ],
    [
      'nothing of a circle that nothing feeds, beside another part',
      'ChatInput-1 A-2 TextInput-3 ChatInput-1>A-2 A-2>ChatInput-1',
      'ChatInput-1: ',
    ],
    [
      'all of it but a circle that nothing outside leads to',
      'TextInput-1 TextOutput-2 A-3 B-4 TextInput-1>TextOutput-2 A-3>B-4 B-4>A-3',
      'all: TextInput-1 TextOutput-2',
    ],
    [
      'a circle that feeds what runs',
      'ChatInput-1 ChatOutput-2 A-3 B-4 ChatInput-1>ChatOutput-2 A-3>B-4 B-4>A-3 B-4>ChatOutput-2>x',
      'ChatInput-1: A-3 B-4 ChatInput-1 ChatOutput-2',
    ],
    [
      'no input for an id that merely holds webhook or chat',
      'WebhookParser-1 ChatMemory-2 ChatOutput-3 TextInput-4 WebhookParser-1>ChatOutput-3',
      'all: ChatMemory-2 ChatOutput-3 TextInput-4 WebhookParser-1',
    ],
    [
      'a text input whose id holds chat',
      'TextInput-achat TextOutput-2 Other-3 TextInput-achat>TextOutput-2',
      'TextInput-achat: TextInput-achat TextOutput-2',
    ],
    [
      'a text input whose id holds webhook before a chat input',
      'ChatInput-1 TextInput-WebHook',
      'TextInput-WebHook: TextInput-WebHook',
    ],
    ['an edge to nowhere is none', 'ChatInput-1 ChatInput-1>Gone-2 Gone-3>ChatInput-1', 'ChatInput-1: ChatInput-1'],
    ['nothing', '', 'all: '],
  ])('starts at %s', (_, text, expected) => expect(part(graph(text))).toBe(expected))

  it('knows an input by its type as well', () =>
    expect(part(graph('my-1 Other-2', { 'my-1': { type: 'ChatInput' } }))).toBe('all: Other-2 my-1'))
  it('knows an input that says so itself', () =>
    expect(part(graph('MyChat-1 Other-2', { 'MyChat-1': { is_input: true } }))).toBe('MyChat-1: MyChat-1'))
  it('of Langflow 1.5 starts at what only holds the name of an input', () => {
    const flow = graph('WebhookParser-1 A-2 ChatInput-3 ChatOutput-4 WebhookParser-1>A-2 ChatInput-3>ChatOutput-4')
    expect([part(flow), part(flow, true)]).toEqual([
      'ChatInput-3: ChatInput-3 ChatOutput-4',
      'WebhookParser-1: A-2 WebhookParser-1',
    ])
  })
  it('leaves a frozen component where it is', () =>
    expect(part(graph('ChatInput-1 ChatOutput-2 ChatInput-1>ChatOutput-2', { 'ChatInput-1': { frozen: true } }))).toBe(
      'ChatInput-1: ChatInput-1 ChatOutput-2',
    ))
  it('accepts graphs of any shape', () => {
    for (const data of [
      null,
      5,
      [],
      {},
      { nodes: 'x', edges: 5 },
      { nodes: [null, { id: 5 }, { id: 'a' }], edges: [null, {}] },
    ])
      expect(part(graphOf(data as JsonValue))).toBe('all: ')
  })
  it('is not slow with a graph of thousands of components', () => {
    const ids = Array.from({ length: 5000 }, (_, at) => `A-${at}`)
    const flow = graph(
      ['ChatInput-0', ...ids, 'ChatInput-0>A-0', ...ids.slice(1).map((id, at) => `${ids[at]}>${id}`)].join(' '),
    )
    expect(runningPart(flow).runs.size).toBe(5001)
  })
})

describe('surelyRunning', () => {
  it('leaves out what runs only at some versions', () => {
    const flow = graph(
      'WebhookParser-1 ChatInput-2 Model-3 ChatOutput-4 ChatOutput-5 WebhookParser-1>Model-3 ChatInput-2>Model-3 Model-3>ChatOutput-4 ChatInput-2>ChatOutput-5',
    )
    expect([...surelyRunning(flow).runs].sort()).toEqual(['ChatInput-2', 'ChatOutput-4', 'Model-3', 'WebhookParser-1'])
  })
  it('goes by the newer ones where nothing runs at all', () => {
    expect([...surelyRunning(graph('WebhookParser-1 ChatInput-2')).runs]).toEqual(['ChatInput-2'])
  })
})

describe('a group', () => {
  const inner = { data: { nodes: [node('ChatInput-1'), node('Prompt-2')], edges: [edge('ChatInput-1>Prompt-2>text')] } }
  const flow = (outputs?: unknown, sourceName = 'Prompt-2_prompt') =>
    graphOf({
      nodes: [node('Group-9', { flow: inner, outputs }), node('ChatOutput-3'), node('TextInput-4')],
      edges: [
        {
          source: 'Group-9',
          target: 'ChatOutput-3',
          data: { sourceHandle: { name: sourceName }, targetHandle: { fieldName: 'input_value' } },
        },
        {
          source: 'TextInput-4',
          target: 'Group-9',
          data: { targetHandle: { fieldName: 'x', proxy: { id: 'Prompt-2', field: 'y' } } },
        },
      ],
    } as unknown as JsonValue)

  it('runs as its members do', () => {
    expect(part(flow())).toBe('ChatInput-1: ChatInput-1 ChatOutput-3 Prompt-2 TextInput-4')
    expect(part(flow([{ name: 'z', proxy: { id: 'Prompt-2' } }], 'z'))).toBe(
      'ChatInput-1: ChatInput-1 ChatOutput-3 Prompt-2 TextInput-4',
    )
    expect(part(flow(undefined, 'unknown'))).toBe('ChatInput-1: ChatInput-1 ChatOutput-3 Prompt-2 TextInput-4')
  })
  it('is one component for people and for tweaks', () => {
    const { nodes, shown } = flow()
    expect(shown.map(({ id, grouped }) => `${id} ${grouped}`)).toEqual([
      'Group-9 false',
      'ChatOutput-3 false',
      'TextInput-4 false',
    ])
    expect(nodes.map(({ id, grouped }) => `${id} ${grouped}`)).toEqual([
      'ChatOutput-3 false',
      'TextInput-4 false',
      'ChatInput-1 true',
      'Prompt-2 true',
    ])
    expect([...nodes.find(({ id }) => id === 'Prompt-2')!.fed].sort()).toEqual(['text', 'y'])
  })
})
