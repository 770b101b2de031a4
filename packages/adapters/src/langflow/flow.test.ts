import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../json/reader.ts'
import type { RemoteFlow } from '../source.ts'
import { canonicalGraph, flowComponents, remoteFlow } from './flow.ts'
import { graphOf, inputRuleOf } from './graph.ts'
import { deliveryOf, replacementOf } from './input.ts'

const recorded = (version: string, name: string): JsonValue =>
  (
    JSON.parse(
      readFileSync(new URL(`../../../testing/fixtures/langflow-${version}/${name}.json`, import.meta.url), 'utf8'),
    ) as { response: { body: JsonValue } }
  ).response.body
const flowOf = (value: unknown): RemoteFlow => {
  const flow = remoteFlow(value, new Map())
  if (!flow) throw new Error('no flow')
  return flow
}
const node = (id: string, stored = '') => ({
  id,
  data: { id, type: id.split('-')[0], node: { display_name: id, template: { input_value: { value: stored } } } },
})
type Edge = { source: string; target: string; data?: { targetHandle: { fieldName: string } } }
const edge = (text: string): Edge => {
  const [source = '', target = '', fieldName = 'input_value'] = text.split('>')
  return { source, target, data: { targetHandle: { fieldName } } }
}
/** Components that all run, as each feeds the last one; or connected by `edges`. */
const made = (
  ids: string[],
  stored: Record<string, string> = {},
  edges: Edge[] = ids.slice(0, -1).map((id) => edge(`${id}>${ids.at(-1)}>from ${id}`)),
) => flowOf({ id: 'f', name: 'f', data: { nodes: ids.map((id) => node(id, stored[id])), edges } })
const parts = (text: string, stored: Record<string, string> = {}) =>
  made(
    text.split(' ').filter((word) => !word.includes('>')),
    stored,
    text
      .split(' ')
      .filter((word) => word.includes('>'))
      .map(edge),
  )

describe.each(['1.7.3', '1.13.0'])('a flow of Langflow %s', (version) => {
  it('is read with its components', () => {
    const flow = remoteFlow(
      recorded(version, 'flow_get'),
      new Map([[(recorded(version, 'flow_get') as { folder_id: string }).folder_id, 'Starter Project']]),
    )
    expect(flow).toMatchObject({
      name: 'rig echo',
      description: 'test rig flow: echo',
      flow_type: 'flow',
      is_component: false,
      folder_name: 'Starter Project',
      icon: null,
      icon_bg_color: null,
      liked: false,
      tags: [],
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
    expect(flowComponents(flowOf(recorded(version, 'flow_get')), {})).toEqual({
      input_component: 'ChatInput-echo1',
      output_component: 'ChatOutput-echo2',
      warnings: [],
      refusals: [],
    })
    expect(flowComponents(flowOf(recorded(version, 'flow_get_tweak')), {})).toMatchObject({
      input_component: 'ChatInput-tweak1',
      output_component: 'ChatOutput-tweak3',
    })
  })
  it('gives its input to the webhook when it has nothing else, and says so', () => {
    expect(flowComponents(flowOf(recorded(version, 'flow_get_webhook')), {})).toMatchObject({
      input_component: 'Webhook-webhook1',
      output_component: 'ChatOutput-webhook2',
      warnings: ['The flow has no chat or text input: the input goes to its webhook Webhook-webhook1 as JSON.'],
    })
  })
})

describe('flowComponents', () => {
  const echo = made(['ChatInput-1', 'Prompt-2', 'ChatOutput-3'])
  it('takes the components that were named', () => {
    expect(flowComponents(echo, { input_component: 'Prompt-2', output_component: 'Prompt-2' })).toEqual({
      input_component: 'Prompt-2',
      output_component: 'Prompt-2',
      warnings: [],
      refusals: [],
    })
  })
  it('uses the found ones for names that the flow does not have, and says so', () => {
    expect(flowComponents(echo, { input_component: 'input', output_component: 'output' })).toMatchObject({
      input_component: 'ChatInput-1',
      output_component: 'ChatOutput-3',
      warnings: [
        'The flow has no component "input"; the input goes to ChatInput-1.',
        'The flow has no component "output"; the answer comes from ChatOutput-3.',
      ],
    })
  })
  it('does not send the input to a component that takes none', () => {
    const flow = flowOf({
      id: 'f',
      name: 'f',
      data: { nodes: [node('ChatInput-1'), { id: 'Tool-2', data: { type: 'Tool', node: {} } }] },
    })
    expect(flowComponents(flow, { input_component: 'Tool-2' })).toMatchObject({
      input_component: 'ChatInput-1',
      warnings: [expect.stringContaining('"Tool-2" takes no input'), expect.any(String)],
    })
  })
  it.each([
    ['no input', ['ChatOutput-1'], 'The flow has no input component: it ignores the input.'],
    ['no output', ['ChatInput-1'], 'The flow has no output component: its runs answer without a text.'],
    [
      'several outputs',
      ['ChatInput-1', 'ChatOutput-2', 'TextOutput-3'],
      'The flow has 2 outputs (ChatOutput-2, TextOutput-3): their texts are joined. Choose one with output_component.',
    ],
    [
      'several inputs',
      ['TextInput-1', 'ChatInput-2', 'ChatOutput-3'],
      'The flow has 2 inputs (TextInput-1, ChatInput-2): the input goes to all of them. Choose another with input_component.',
    ],
  ])('warns of %s', (_, ids, warning) => expect(flowComponents(made(ids), {}).warnings).toEqual([warning]))
  it('chooses none of several outputs, and the chat input of several inputs', () => {
    expect(flowComponents(made(['TextInput-1', 'ChatInput-2', 'ChatOutput-2', 'TextOutput-3']), {})).toMatchObject({
      input_component: 'ChatInput-2',
      output_component: null,
    })
  })
  it('accepts graphs of any shape', () => {
    for (const data of [
      null,
      5,
      [],
      {},
      { nodes: 'x' },
      { nodes: [null, 5, { id: 5 }, { id: 'a' }, { id: 'b', data: { type: 5, node: 'x' } }] },
    ]) {
      expect(flowComponents(flowOf({ id: 'f', name: 'f', data }), {})).toMatchObject({
        input_component: null,
        output_component: null,
      })
    }
    expect(remoteFlow('<11 more>', new Map())).toBeNull()
    expect(remoteFlow({ id: 5, name: 'x' }, new Map())).toBeNull()
  })
})

describe('the parts of a flow that do not run', () => {
  const of = (text: string, wanted = {}) => flowComponents(parts(text), wanted)
  it('get no input: the one that Spark chooses lies in the part that runs', () => {
    expect(
      of(
        'ChatInput-1 ChatOutput-2 Webhook-3 Parser-4 ChatOutput-5 ChatInput-1>ChatOutput-2 Webhook-3>Parser-4 Parser-4>ChatOutput-5',
      ),
    ).toEqual({
      input_component: 'Webhook-3',
      output_component: 'ChatOutput-5',
      refusals: [],
      warnings: [
        'The part of the flow that runs has no chat or text input: the input goes to its webhook Webhook-3 as JSON.',
        'Langflow starts at Webhook-3 and runs only what is connected to it: ChatInput-1, ChatOutput-2 do not run.',
      ],
    })
    expect(
      of('Webhook-1 ChatInput-2 Model-3 ChatOutput-4 Webhook-1>Model-3>data ChatInput-2>Model-3 Model-3>ChatOutput-4'),
    ).toMatchObject({ input_component: 'ChatInput-2', output_component: 'ChatOutput-4', warnings: [] })
    expect(
      of('TextInput-1 TextOutput-2 ChatInput-3 ChatOutput-4 TextInput-1>TextOutput-2 ChatInput-3>ChatOutput-4'),
    ).toMatchObject({
      input_component: 'ChatInput-3',
      output_component: 'ChatOutput-4',
      warnings: [
        'Langflow starts at ChatInput-3 and runs only what is connected to it: TextInput-1, TextOutput-2 do not run.',
      ],
    })
    expect(
      of('ChatInput-2 ChatInput-1 ChatOutput-3 ChatOutput-4 ChatInput-1>ChatOutput-3 ChatInput-2>ChatOutput-4'),
    ).toMatchObject({ input_component: 'ChatInput-2', output_component: 'ChatOutput-4' })
  })
  it('are refused when somebody chooses them, with the reason', () => {
    const two = 'ChatInput-1 ChatOutput-2 Webhook-3 ChatOutput-4 ChatInput-1>ChatOutput-2 Webhook-3>ChatOutput-4'
    const message = (id: string) =>
      `${id} does not run: Langflow starts at Webhook-3 and runs only what is connected to it`
    expect(of(two, { input_component: 'ChatInput-1' }).refusals).toEqual([
      { path: 'input_component', message: message('ChatInput-1') },
    ])
    expect(of(two, { output_component: 'ChatOutput-2' }).refusals).toEqual([
      { path: 'output_component', message: message('ChatOutput-2') },
    ])
    expect(of(two, { input_component: 'Webhook-3', output_component: 'ChatOutput-4' }).refusals).toEqual([])
  })
  it('may hold the only output, which is a warning', () => {
    expect(of('ChatInput-1 Model-2 ChatOutput-3 ChatInput-1>Model-2').warnings).toEqual([
      'The part of the flow that runs has no output component: its runs answer without a text.',
      'Langflow starts at ChatInput-1 and runs only what is connected to it: ChatOutput-3 does not run.',
    ])
  })
})

describe('an input that another component feeds', () => {
  it('is not chosen by Spark, and refused when somebody else chooses it', () => {
    const flow = parts(
      'Memory-1 TextInput-2 TextInput-3 ChatOutput-4 Memory-1>TextInput-2 TextInput-2>ChatOutput-4 TextInput-3>ChatOutput-4',
    )
    expect(flowComponents(flow, {})).toMatchObject({ input_component: 'TextInput-3' })
    expect(flowComponents(flow, { input_component: 'TextInput-2' }).refusals).toEqual([
      {
        path: 'input_component',
        message: 'TextInput-2 is fed by another component of the flow, which overwrites the input',
      },
    ])
    expect(
      flowComponents(parts('A-1 Webhook-2 ChatOutput-3 A-1>Webhook-2>data Webhook-2>ChatOutput-3'), {}),
    ).toMatchObject({
      input_component: null,
      warnings: ['No input of the flow can take the input of a run: it ignores the input.'],
    })
    expect(
      flowComponents(parts('A-1 ChatInput-2 ChatOutput-3 A-1>ChatInput-2>sender_name ChatInput-2>ChatOutput-3'), {}),
    ).toMatchObject({ input_component: 'ChatInput-2', warnings: [] })
  })
})

it('warns of a frozen component, which may answer without reading the input', () => {
  const frozen = {
    id: 'Model-2',
    data: { id: 'Model-2', type: 'Model', node: { frozen: true, template: { input_value: { value: '' } } } },
  }
  const flow = flowOf({
    id: 'f',
    name: 'f',
    data: {
      nodes: [node('ChatInput-1'), frozen, node('ChatOutput-3')],
      edges: [edge('ChatInput-1>Model-2'), edge('Model-2>ChatOutput-3')],
    },
  })
  expect(flowComponents(flow, {}).warnings).toEqual([
    'Frozen in the flow: Model-2. Langflow may answer with an earlier result, whatever the input.',
  ])
})

describe('deliveryOf', () => {
  const target = (flow: RemoteFlow, chosen: string | null = null) => {
    const delivery = deliveryOf(graphOf(flow.data), chosen)
    return delivery && `${delivery.node.id} by ${delivery.by}`
  }
  it('is by type any where the plain input reaches the right component', () => {
    expect(target(made(['ChatInput-1', 'ChatOutput-2']))).toBe('ChatInput-1 by any')
    expect(target(made(['ChatInput-1', 'ChatOutput-2'], { 'ChatInput-1': 'stored' }), 'ChatInput-1')).toBe(
      'ChatInput-1 by any',
    )
    expect(target(made(['TextInput-1', 'TextOutput-2']))).toBe('TextInput-1 by any')
    expect(target(made(['ChatInput-1', 'TextInput-2', 'A-3']), 'ChatInput-1')).toBe('ChatInput-1 by any')
    expect(target(made(['ChatOutput-1']))).toBeNull()
  })
  it('is to the chosen component when that is not the usual one', () => {
    expect(target(made(['ChatInput-1', 'TextInput-2', 'A-3']), 'TextInput-2')).toBe('TextInput-2 by text')
    expect(target(made(['ChatInput-1', 'Prompt-2', 'A-3']), 'Prompt-2')).toBe('Prompt-2 by tweak')
    expect(target(made(['ChatInput-1', 'Prompt-2', 'A-3']), 'gone')).toBe('ChatInput-1 by any')
  })
  it('is by type only where every Langflow understands it alike', () => {
    // `text` is in the id of one and is the type of the other: versions differ in which one counts.
    const flow = flowOf({
      id: 'f',
      name: 'f',
      data: {
        nodes: [
          node('ChatInput-1'),
          { ...node('TextInput-2'), data: { ...node('TextInput-2').data, type: 'Renamed' } },
          node('ChatInput-3'),
          node('A-4'),
        ],
        edges: ['ChatInput-1', 'TextInput-2', 'ChatInput-3'].map((id) => edge(`${id}>A-4>from ${id}`)),
      },
    })
    expect(target(flow, 'ChatInput-3')).toBe('ChatInput-3 by tweak')
  })
  it('is to the webhook of a flow without another input', () => {
    expect(target(made(['Webhook-1', 'ChatOutput-2']))).toBe('Webhook-1 by tweak')
    expect(target(made(['Webhook-1', 'ChatInput-2', 'A-3']), 'ChatInput-2')).toBe('ChatInput-2 by any')
  })
  it('is to the chat input alone where the plain input would overwrite what another one holds', () => {
    expect(target(made(['ChatInput-1', 'TextInput-2', 'A-3'], { 'TextInput-2': 'You are a pirate.' }))).toBe(
      'ChatInput-1 by chat',
    )
    expect(target(parts('ChatInput-1 TextInput-2 X-3 A-4 ChatInput-1>A-4 TextInput-2>A-4 X-3>TextInput-2'))).toBe(
      'ChatInput-1 by chat',
    )
  })
  it('does not mind what an input holds that does not run', () =>
    expect(
      target(parts('ChatInput-1 TextInput-2 ChatOutput-3 ChatInput-1>ChatOutput-3', { 'TextInput-2': 'stored' })),
    ).toBe('ChatInput-1 by any'))
})

describe('a component whose id only holds the name of an input', () => {
  const flow = parts(
    'WebhookParser-1 ChatOutput-2 ChatInput-3 ChatOutput-4 WebhookParser-1>ChatOutput-2 ChatInput-3>ChatOutput-4',
  )
  it.each([
    ['1.5.1', 'WebhookParser-1', 'ChatOutput-2'],
    ['1.6.9', 'WebhookParser-1', 'ChatOutput-2'],
    ['1.7.0', 'ChatInput-3', 'ChatOutput-4'],
    ['1.13.0', 'ChatInput-3', 'ChatOutput-4'],
  ])('is one at Langflow up to 1.6 and none after: %s', (release, start, output) => {
    const { output_component, warnings } = flowComponents(flow, {}, inputRuleOf(release))
    expect(output_component).toBe(output)
    expect(warnings.join(' ')).toContain(`Langflow starts at ${start}`)
  })
})

describe('replacementOf', () => {
  const was = parts('Webhook-1 ChatOutput-2 Webhook-1>ChatOutput-2').data
  it.each([
    ['the only new one of its kind', 'Webhook-9 ChatOutput-2 Webhook-9>ChatOutput-2', 'Webhook-9'],
    ['none of another kind', 'ChatInput-9 ChatOutput-2 ChatInput-9>ChatOutput-2', null],
    ['none of two', 'Webhook-8 Webhook-9 ChatOutput-2 Webhook-8>ChatOutput-2 Webhook-9>ChatOutput-2', null],
    ['none that does not run', 'Webhook-8 Webhook-9 ChatOutput-2 Webhook-8>ChatOutput-2', 'Webhook-8'],
    ['none of nothing', 'ChatOutput-2', null],
  ])('takes %s', (_, text, expected) =>
    expect(replacementOf('Webhook-1', graphOf(was), graphOf(parts(text).data))?.id ?? null).toBe(expected),
  )
})

describe('canonicalGraph', () => {
  const graph = () =>
    structuredClone((recorded('1.13.0', 'flow_get') as { data: JsonValue }).data) as {
      nodes: Record<string, unknown>[]
      edges: Record<string, unknown>[]
      viewport: unknown
    }
  const text = (change: (data: ReturnType<typeof graph>) => void = () => undefined) => {
    const data = graph()
    change(data)
    return JSON.stringify(canonicalGraph(data as unknown as JsonValue))
  }
  it.each<[string, (data: ReturnType<typeof graph>) => void]>([
    [
      'moving a component',
      (data) => {
        data.nodes[0]!['position'] = { x: 7, y: 9 }
        data.nodes[0]!['measured'] = { width: 1 }
      },
    ],
    [
      'selecting and dragging',
      (data) => {
        data.nodes[0]!['selected'] = true
        data.nodes[0]!['dragging'] = true
        data.edges[0]!['selected'] = true
        data.edges[0]!['animated'] = true
      },
    ],
    [
      'scrolling',
      (data) => {
        data.viewport = { x: 5, y: 5, zoom: 2 }
      },
    ],
    [
      "another edge's name",
      (data) => {
        data.edges[0]!['id'] = 'xy-edge__1'
      },
    ],
    [
      'folding a component',
      (data) => {
        ;(data.nodes[0]!['data'] as { showNode: boolean }).showNode = false
      },
    ],
    [
      'another order',
      (data) => {
        data.nodes.reverse()
      },
    ],
    [
      'another order of keys',
      (data) => {
        data.nodes[0] = Object.fromEntries(Object.entries(data.nodes[0]!).reverse())
      },
    ],
    [
      'a sticky note',
      (data) => {
        data.nodes.push({ id: 'note-1', type: 'noteNode', data: { node: { description: 'hi' } } })
      },
    ],
  ])('is the same after %s', (_, change) => expect(text(change)).toBe(text()))

  it.each<[string, (data: ReturnType<typeof graph>) => void]>([
    [
      'a stored value',
      (data) => {
        ;(
          data.nodes[0] as { data: { node: { template: { input_value: { value: string } } } } }
        ).data.node.template.input_value.value = 'x'
      },
    ],
    [
      'a component less',
      (data) => {
        data.nodes.pop()
      },
    ],
    [
      'an edge less',
      (data) => {
        data.edges.pop()
      },
    ],
    [
      'an edge to elsewhere',
      (data) => {
        data.edges[0]!['target'] = 'X-1'
      },
    ],
  ])('is another with %s', (_, change) => expect(text(change)).not.toBe(text()))

  it('is null without a graph', () => expect(canonicalGraph(null)).toBeNull())
})
