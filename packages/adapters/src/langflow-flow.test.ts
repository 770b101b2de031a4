import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from './json.ts'
import { canonicalGraph, flowComponents, nodesOf, remoteFlow, tweakTarget } from './langflow-flow.ts'
import type { RemoteFlow } from './source.ts'

const recorded = (version: string, name: string): JsonValue =>
  (JSON.parse(readFileSync(new URL(`../../testing/fixtures/langflow-${version}/${name}.json`, import.meta.url), 'utf8')) as { response: { body: JsonValue } }).response.body
const flowOf = (value: unknown): RemoteFlow => {
  const flow = remoteFlow(value, new Map())
  if (!flow) throw new Error('no flow')
  return flow
}
const node = (id: string, stored = '') => ({ id, data: { id, type: id.split('-')[0], node: { display_name: id, template: { input_value: { value: stored } } } } })
const made = (ids: string[], stored: Record<string, string> = {}, edges: { source: string; target: string }[] = []) =>
  flowOf({ id: 'f', name: 'f', data: { nodes: ids.map((id) => node(id, stored[id])), edges } })

describe.each(['1.7.3', '1.13.0'])('a flow of Langflow %s', (version) => {
  it('is read with its components', () => {
    const flow = remoteFlow(recorded(version, 'flow_get'), new Map([[(recorded(version, 'flow_get') as { folder_id: string }).folder_id, 'Starter Project']]))
    expect(flow).toMatchObject({
      name: 'rig echo', description: 'test rig flow: echo', flow_type: 'flow', is_component: false, folder_name: 'Starter Project',
      icon: null, icon_bg_color: null, liked: false, tags: [],
      components: [
        { id: 'ChatInput-echo1', name: 'Chat Input', description: 'Get chat inputs from the Playground.' },
        { id: 'ChatOutput-echo2', name: 'Chat Output', description: 'Display a chat message in the Playground.' },
      ],
    })
  })
  it('has no graph in a list', () => {
    const [header] = recorded(version, 'flows_list_header_flows') as JsonValue[]
    expect(flowOf(header)).toMatchObject({ name: 'rig echo', data: null, components: [] })
  })
  it('finds its input and output', () => {
    expect(flowComponents(flowOf(recorded(version, 'flow_get')), {})).toEqual({ input_component: 'ChatInput-echo1', output_component: 'ChatOutput-echo2', warnings: [] })
    expect(flowComponents(flowOf(recorded(version, 'flow_get_tweak')), {})).toMatchObject({ input_component: 'ChatInput-tweak1', output_component: 'ChatOutput-tweak3' })
  })
  it('gives its input to the webhook when it has nothing else, and says so', () => {
    expect(flowComponents(flowOf(recorded(version, 'flow_get_webhook')), {})).toEqual({
      input_component: 'Webhook-webhook1',
      output_component: 'ChatOutput-webhook2',
      warnings: ['The flow has no chat or text input: the input goes to its webhook Webhook-webhook1 as JSON.'],
    })
  })
})

describe('flowComponents', () => {
  const echo = made(['ChatInput-1', 'Prompt-2', 'ChatOutput-3'])
  it('takes the components that were named', () => {
    expect(flowComponents(echo, { input_component: 'Prompt-2', output_component: 'Prompt-2' })).toEqual({ input_component: 'Prompt-2', output_component: 'Prompt-2', warnings: [] })
  })
  it('uses the found ones for names that the flow does not have, and says so', () => {
    expect(flowComponents(echo, { input_component: 'input', output_component: 'output' })).toEqual({
      input_component: 'ChatInput-1',
      output_component: 'ChatOutput-3',
      warnings: ['The flow has no component "input"; the input goes to ChatInput-1.', 'The flow has no component "output"; the answer comes from ChatOutput-3.'],
    })
  })
  it('does not send the input to a component that takes none', () => {
    const flow = flowOf({ id: 'f', name: 'f', data: { nodes: [node('ChatInput-1'), { id: 'Tool-2', data: { type: 'Tool', node: {} } }] } })
    expect(flowComponents(flow, { input_component: 'Tool-2' })).toMatchObject({ input_component: 'ChatInput-1', warnings: [expect.stringContaining('"Tool-2" takes no input'), expect.any(String)] })
  })
  it.each([
    ['no input', ['ChatOutput-1'], 'The flow has no input component: it ignores the input.'],
    ['no output', ['ChatInput-1'], 'The flow has no output component: its runs answer without a text.'],
    ['several outputs', ['ChatInput-1', 'ChatOutput-2', 'TextOutput-3'], 'The flow has 2 outputs (ChatOutput-2, TextOutput-3): their texts are joined. Choose one with output_component.'],
    ['several inputs', ['TextInput-1', 'ChatInput-2', 'ChatOutput-3'], 'The flow has 2 inputs (TextInput-1, ChatInput-2): the input goes to all of them. Choose another with input_component.'],
  ])('warns of %s', (_, ids, warning) => expect(flowComponents(made(ids), {}).warnings).toEqual([warning]))
  it('chooses none of several outputs, and the chat input of several inputs', () => {
    expect(flowComponents(made(['TextInput-1', 'ChatInput-2', 'ChatOutput-2', 'TextOutput-3']), {})).toMatchObject({ input_component: 'ChatInput-2', output_component: null })
  })
  it('bears graphs of any shape', () => {
    for (const data of [null, 5, [], {}, { nodes: 'x' }, { nodes: [null, 5, { id: 5 }, { id: 'a' }, { id: 'b', data: { type: 5, node: 'x' } }] }]) {
      expect(flowComponents(flowOf({ id: 'f', name: 'f', data }), {})).toMatchObject({ input_component: null, output_component: null })
    }
    expect(remoteFlow('<11 more>', new Map())).toBeNull()
    expect(remoteFlow({ id: 5, name: 'x' }, new Map())).toBeNull()
  })
})

describe('tweakTarget', () => {
  const target = (flow: RemoteFlow, chosen: string | null = null) => tweakTarget(nodesOf(flow.data), chosen)?.id ?? null
  it('is none where the plain input reaches the right component', () => {
    expect(target(made(['ChatInput-1', 'ChatOutput-2']))).toBeNull()
    expect(target(made(['ChatInput-1', 'ChatOutput-2'], { 'ChatInput-1': 'stored' }), 'ChatInput-1')).toBeNull()
    expect(target(made(['TextInput-1', 'TextOutput-2']))).toBeNull()
    expect(target(made(['ChatInput-1', 'TextInput-2']), 'ChatInput-1')).toBeNull()
    expect(target(made(['ChatOutput-1']))).toBeNull()
  })
  it('is the chosen component when that is not the usual one', () => {
    expect(target(made(['ChatInput-1', 'TextInput-2']), 'TextInput-2')).toBe('TextInput-2')
    expect(target(made(['ChatInput-1', 'Prompt-2']), 'Prompt-2')).toBe('Prompt-2')
    expect(target(made(['ChatInput-1', 'Prompt-2']), 'gone')).toBeNull()
  })
  it('is the webhook of a flow without an input', () => {
    expect(target(made(['Webhook-1', 'ChatOutput-2']))).toBe('Webhook-1')
    expect(target(made(['Webhook-1', 'ChatInput-2']), 'ChatInput-2')).toBeNull()
  })
  it('is the chat input where the plain input would overwrite what another one holds', () => {
    expect(target(made(['ChatInput-1', 'TextInput-2'], { 'TextInput-2': 'You are a pirate.' }))).toBe('ChatInput-1')
    expect(target(made(['ChatInput-1', 'TextInput-2'], {}, [{ source: 'X-3', target: 'TextInput-2' }]))).toBe('ChatInput-1')
  })
})

describe('canonicalGraph', () => {
  const graph = () => structuredClone((recorded('1.13.0', 'flow_get') as { data: JsonValue }).data) as { nodes: Record<string, unknown>[]; edges: Record<string, unknown>[]; viewport: unknown }
  const text = (change: (data: ReturnType<typeof graph>) => void = () => undefined) => {
    const data = graph()
    change(data)
    return JSON.stringify(canonicalGraph(data as unknown as JsonValue))
  }
  it.each<[string, (data: ReturnType<typeof graph>) => void]>([
    ['moving a component', (data) => { data.nodes[0]!['position'] = { x: 7, y: 9 }; data.nodes[0]!['measured'] = { width: 1 } }],
    ['selecting and dragging', (data) => { data.nodes[0]!['selected'] = true; data.nodes[0]!['dragging'] = true; data.edges[0]!['selected'] = true; data.edges[0]!['animated'] = true }],
    ['scrolling', (data) => { data.viewport = { x: 5, y: 5, zoom: 2 } }],
    ["another edge's name", (data) => { data.edges[0]!['id'] = 'xy-edge__1' }],
    ['folding a component', (data) => { (data.nodes[0]!['data'] as { showNode: boolean }).showNode = false }],
    ['another order', (data) => { data.nodes.reverse() }],
    ['another order of keys', (data) => { data.nodes[0] = Object.fromEntries(Object.entries(data.nodes[0]!).reverse()) }],
    ['a sticky note', (data) => { data.nodes.push({ id: 'note-1', type: 'noteNode', data: { node: { description: 'hi' } } }) }],
  ])('is the same after %s', (_, change) => expect(text(change)).toBe(text()))

  it.each<[string, (data: ReturnType<typeof graph>) => void]>([
    ['a stored value', (data) => { (data.nodes[0] as { data: { node: { template: { input_value: { value: string } } } } }).data.node.template.input_value.value = 'x' }],
    ['a component less', (data) => { data.nodes.pop() }],
    ['an edge less', (data) => { data.edges.pop() }],
    ['an edge to elsewhere', (data) => { data.edges[0]!['target'] = 'X-1' }],
  ])('is another with %s', (_, change) => expect(text(change)).not.toBe(text()))

  it('is null without a graph', () => expect(canonicalGraph(null)).toBeNull())
})
