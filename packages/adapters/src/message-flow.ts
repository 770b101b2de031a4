import { type JsonText, membersOf, plainText, SourceError } from '@automagik-spark/core'
import { oneLine } from './plain-text.ts'
import type {
  AskedRun,
  FlowComponent,
  FlowComponents,
  RemoteFlow,
  RunCall,
  RunProblems,
  WantedComponents,
} from './source.ts'

// Shared by Hive and Agents: a message goes in, a result comes out, and there are no components to choose.

const COMPONENTS: FlowComponent[] = [
  { id: 'message', name: 'message', description: 'The input' },
  { id: 'result', name: 'result', description: 'The answer' },
]

type Described = Pick<RemoteFlow, 'id' | 'name' | 'description' | 'flow_type' | 'data'>

export const messageFlow = (flow: Described): RemoteFlow => ({
  ...flow,
  is_component: false,
  folder_id: null,
  folder_name: null,
  icon: null,
  icon_bg_color: null,
  liked: false,
  tags: [],
  components: COMPONENTS,
})

/** Names that mean the one input and the one output; old clients say `input` and `output`. */
const SAME = { input_component: new Set(['', 'message', 'input']), output_component: new Set(['', 'result', 'output']) }

export const messageComponents = (
  { flow_type }: Pick<RemoteFlow, 'flow_type'>,
  wanted: WantedComponents,
): FlowComponents => {
  const warnings: string[] = []
  const of = (which: keyof typeof SAME, found: string): string => {
    const named = wanted[which] ?? ''
    if (!SAME[which].has(named))
      warnings.push(`The ${flow_type} has no component ${JSON.stringify(oneLine(named, 100))}; ${found} is used.`)
    return found
  }
  return {
    input_component: of('input_component', 'message'),
    output_component: of('output_component', 'result'),
    warnings,
    refusals: [],
  }
}

/** The input as the text that these servers take. */
export const messageText = ({ input_value }: Pick<RunCall, 'input_value'>): string =>
  input_value === null ? '' : plainText(input_value)

/** What these servers would refuse, found when the run is made: they would say it at every due time. */
export const messageProblems = ({ tweaks, flow_type }: Pick<AskedRun, 'tweaks' | 'flow_type'>): RunProblems => {
  const errors = hasTweaks(tweaks)
    ? [{ path: 'tweaks', message: `must be left out: the ${flow_type} has no components that they could change` }]
    : []
  return { errors, unplaced: [], places: [] }
}

const hasTweaks = (tweaks: JsonText | null): boolean => tweaks !== null && membersOf(tweaks).length > 0

/** Only flows of Langflow have tweaks. A run without its tweaks would not be the one that was requested. */
export const refuseTweaks = ({ tweaks, flow_type }: Pick<RunCall, 'tweaks' | 'flow_type'>): void => {
  if (!hasTweaks(tweaks)) return
  throw new SourceError(
    'bad_request',
    'refused',
    `The run has tweaks, and the ${flow_type} has no components that they could change. Leave tweaks out.`,
  )
}
