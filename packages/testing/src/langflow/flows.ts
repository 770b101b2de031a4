import type { Recorded } from './recorded.ts'

type Field = { value?: unknown }
type Component = { display_name: string; template: Record<string, Field> }
export type FlowNode = { id: string; data: { id: string; type: string; node: Component } }
type Graph = { nodes: FlowNode[]; edges: unknown[] }
export type FlowRow = { id: string; name: string; endpoint_name: string; data: Graph } & Record<string, unknown>

/** What chooses the recording for a run: the components that take the input and those that give the output. */
type Shape = {
  /** Input components: `input_type` reaches those whose id holds it, `any` reaches all. */
  inputs: string[]
  /** Output components: `output_type` chooses those whose id holds it; when none does, and for `any`, all. */
  outputs: string[]
  /** The text of the answer is the input, so an empty input has another kind of answer (without messages). */
  passes?: true
}
type Spec = Shape & {
  recorded_as: string
  others?: Record<string, Record<string, unknown>>
  stored?: Record<string, string>
}

/**
 * The flows of the recorded servers, and the one table that says when the types of a run don't matter: only what they reach counts, so a run
 * with `any` is answered by a recording with `chat` when both reach the same components.
 *
 * The recorder cut the list of flows after two rows ("<11 more>"), and recorded four whole rows. The others are made from the recordings of
 * their runs: the id (from the path of `recorded_as`) and the components' ids. Never recorded are the ids of the text components of `mixed`
 * (the recorder's note says that they exist), that of `fail` in 1.7.3, and there those of the inputs of `fail`, `slow` and `tokens`, which
 * 1.13.0 has. Custom components (`others`) have only the fields that a recorded tweak names.
 */
const specs = {
  echo: { recorded_as: 'run_echo', inputs: ['ChatInput-echo1'], outputs: ['ChatOutput-echo2'], passes: true },
  text: { recorded_as: 'run_text', inputs: ['TextInput-text1'], outputs: ['TextOutput-text2'], passes: true },
  multi: {
    recorded_as: 'run_multi_chat',
    inputs: ['ChatInput-multi1'],
    outputs: ['ChatOutput-multi2', 'ChatOutput-multi3'],
    passes: true,
  },
  mixed: {
    recorded_as: 'run_mixed_any',
    inputs: ['ChatInput-mixed1', 'TextInput-mixed3'],
    outputs: ['ChatOutput-mixed2', 'TextOutput-mixed4'],
    passes: true,
  },
  noinput: {
    recorded_as: 'run_noinput',
    inputs: ['TextInput-noinput1'],
    outputs: ['ChatOutput-noinput2'],
    passes: true,
    stored: { 'TextInput-noinput1': 'stored text' },
  },
  nooutput: { recorded_as: 'run_nooutput', inputs: ['ChatInput-nooutput1'], outputs: [] },
  data: {
    recorded_as: 'run_data',
    inputs: ['ChatInput-data1'],
    outputs: ['ChatOutput-data3'],
    others: { 'RigData-data2': {} },
  },
  fail: {
    recorded_as: 'run_fail',
    inputs: ['ChatInput-fail1'],
    outputs: ['ChatOutput-fail3'],
    others: { 'RigFail-fail2': {} },
  },
  slow: {
    recorded_as: 'run_slow',
    inputs: ['ChatInput-slow1'],
    outputs: ['ChatOutput-slow3'],
    others: { 'RigSlow-slow2': { seconds: 3 } },
  },
  tokens: {
    recorded_as: 'run_tokens_no_stream',
    inputs: ['ChatInput-tokens1'],
    outputs: ['ChatOutput-tokens3'],
    passes: true,
    others: { 'RigTokens-tokens2': {} },
  },
  tweak: { recorded_as: 'run_tweak_none', inputs: ['ChatInput-tweak1'], outputs: ['ChatOutput-tweak3'] },
  webhook: { recorded_as: 'run_webhook_flow', inputs: [], outputs: ['ChatOutput-webhook2'] },
  empty: { recorded_as: 'run_empty_flow', inputs: [], outputs: [] },
} satisfies Record<string, Spec>

export type FlowName = keyof typeof specs
export const flowNames = Object.keys(specs) as FlowName[] // the keys of an object literal
export type Flow = Shape & { short_name: FlowName; row: FlowRow }

export const makeFlows = (recorded: Recorded[]) => {
  const find = (name: string): Recorded => {
    const found = recorded.find((one) => one.case === name)
    if (!found) throw new Error(`the stub needs the recording ${name}`)
    return found
  }
  const list = find('flows_list').response.body as [FlowRow, FlowRow, string]
  const headers = find('flows_list_header_flows').response.body as [Record<string, unknown>, ...unknown[]]
  const read = ['flow_get', 'flow_get_webhook', 'flow_get_tweak'].map((name) => find(name).response.body)
  const whole = [...list.slice(0, 2), ...read] as FlowRow[]
  const byId = new Map(whole.map((row) => [row.id, row]))

  const flows: Flow[] = flowNames.map((short_name) => {
    const spec: Spec = specs[short_name]
    const id = idInPath(find(spec.recorded_as))
    const row = byId.get(id) ?? putBack(short_name, id, spec, whole)
    return { short_name, row, inputs: spec.inputs, outputs: spec.outputs, ...(spec.passes && { passes: spec.passes }) }
  })
  const byRef = new Map(
    flows.flatMap((flow) => [
      [flow.row.id, flow],
      [flow.row.endpoint_name, flow],
    ]),
  )
  const headerKeys = Object.keys(headers[0])

  return {
    all: flows,
    /** A flow by its id or, as in a run, by the name of its endpoint. */
    find: (ref: string): Flow | undefined => byRef.get(ref),
    /** Flows of another user of the same server. */
    of_others: [idInPath(find('run_of_other_user')), idInPath(find('run_of_other_user_by_name'))],
    rows: flows.map(({ row }) => row),
    headers: flows.map(({ row }) =>
      Object.fromEntries(headerKeys.map((key) => [key, key === 'data' ? null : row[key]])),
    ),
  }
}
export type Flows = ReturnType<typeof makeFlows>

const idInPath = ({ request }: Recorded): string => request.path.split(/[/?]/)[4] ?? ''

/** A row that the recorder cut, made from whole ones: nodes of the same kind with the ids that its runs show. */
const putBack = (short_name: string, id: string, spec: Spec, whole: FlowRow[]): FlowRow => {
  const { inputs, outputs, others = {}, stored = {} } = spec
  const middle = Object.keys(others)
  const nodes = [...inputs, ...middle, ...outputs]
  const model = whole[0] as FlowRow
  const known = whole.flatMap((row) => row.data.nodes)
  const edge = JSON.stringify(model.data.edges[0])
  const connect = (source: string, target: string): unknown =>
    JSON.parse(edge.replaceAll('ChatInput-echo1', source).replaceAll('ChatOutput-echo2', target))
  const all = (from: string[], to: string[]): unknown[] => from.flatMap((one) => to.map((other) => connect(one, other)))
  const text = (node: string): boolean => node.startsWith('Text')
  const chat = (node: string): boolean => !text(node)
  const edges =
    middle.length > 0
      ? [...all(inputs, middle), ...all(middle, outputs)]
      : inputs.length > 1
        ? [...all(inputs.filter(chat), outputs.filter(chat)), ...all(inputs.filter(text), outputs.filter(text))]
        : all(inputs, outputs)

  return {
    ...model,
    id,
    name: `rig ${short_name}`,
    endpoint_name: `rig-${short_name}`,
    description: `test rig flow: ${short_name}`,
    ...('version_token' in model && { version_token: id }),
    data: {
      ...model.data,
      nodes: nodes.map((node) => putBackNode(node, known, others[node] ?? {}, stored[node])),
      edges,
    },
  }
}

const putBackNode = (
  id: string,
  known: FlowNode[],
  fields: Record<string, unknown>,
  stored: string | undefined,
): FlowNode => {
  const type = id.split('-')[0] ?? id
  const model = known.find((node) => node.data.type === type)
  if (!model) {
    const field = ([name, value]: [string, unknown]) => [name, { name, display_name: name, value, show: true }] as const
    const template = Object.fromEntries(Object.entries(fields).map(field))
    return { id, data: { id, type, node: { display_name: type.replace(/(?<=[a-z])(?=[A-Z])/g, ' '), template } } }
  }
  const node = JSON.parse(JSON.stringify(model).replaceAll(model.id, id)) as FlowNode // a copy of a FlowNode
  if (stored !== undefined)
    node.data.node.template.input_value = { ...node.data.node.template.input_value, value: stored }
  return node
}
