import type { Flow, Flows } from './flows.ts'
import type { Asked, LangflowVersion } from './recorded.ts'
import { effectiveTweaks, nameOf, type Tweak } from './tweaks.ts'

/** The values of a request that its answer contains. */
export type Values = {
  /** The input as the server understood it: null when there was none, or when the body did not validate. */
  input: string | null
  session_id: string
  tweaks: Tweak[]
  /** The flow's id or name in the path. */
  ref: string
  /** Where a redirect leads, without the origin. */
  location: string
}
/** `key` says in words what the request wants: requests with the same key have the same answer. */
export type Recognised = { key: string; values: Values; run: boolean }
type Asks = Omit<Recognised, 'run'>
type Deps = { version: LangflowVersion; flows: Flows; key: string | null }

const nothing: Values = { input: null, session_id: '', tweaks: [], ref: '', location: '' }
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
/** The first path segments of Langflow: under others it has nothing. */
const OWN_PATHS = new Set([
  '',
  'api',
  'health',
  'health_check',
  'healthz',
  'logs',
  'logs-stream',
  'docs',
  'redoc',
  'openapi.json',
])
const LIST_PARAMETERS = new Set(['get_all', 'header_flows', 'remove_example_flows', 'x-api-key'])
/** Booleans in a query, as pydantic reads them. */
const TRUE = new Set(['true', '1', 'yes', 'on', 't', 'y'])
const FALSE = new Set(['false', '0', 'no', 'off', 'f', 'n'])

/**
 * The one function that says what a request wants, recorded or live. A recording answers every request with its key. Null: nothing like the
 * request was recorded. Whatever is not part of the key may be combined freely.
 */
export const makeRecognise = ({ version, flows, key }: Deps) => {
  /** A server without a key (auto login with its check skipped) accepts a missing key. */
  const keyState = ({ api_key, bearer }: Asked): 'good' | 'missing' | 'wrong' | 'bearer' => {
    if (api_key !== null) return api_key === key ? 'good' : 'wrong'
    if (bearer) return 'bearer'
    return key === null ? 'good' : 'missing'
  }

  const recogniseFlow = (ref: string): string => {
    if (!UUID.test(ref)) return 'flow with an id that is no uuid'
    const flow = flows.find(ref)
    return flow ? `flow ${flow.short_name}` : flows.of_others.includes(ref) ? 'flow of another user' : 'flow unknown'
  }

  const recogniseGet = (asked: Asked): Asks | null => {
    const { path, query } = asked
    const plain = (answer: string, values: Partial<Values> = {}) => ({ key: answer, values: { ...nothing, ...values } })
    const search = query.size > 0 ? `?${query}` : ''
    if (path === '/health') return plain('health')
    if (path === '/api/v1/version') return plain('version')
    if (path === '/api/v1/nonsense' || /^\/api\/v1\/flows\/[^/]+\/components\/$/.test(path))
      return plain('unknown path')
    if (path === '/api/v1/flows') return plain('flows without slash', { location: `/api/v1/flows/${search}` })
    if (path === '/api/v1/folders/') return plain('folders', { location: '/api/v1/projects/' })
    if (/^\/api\/v1\/run\/[^/]+$/.test(path)) return plain('run by GET')

    const state = keyState(asked)
    if (path === '/api/v1/users/whoami') {
      if (key === null && asked.api_key === null) return plain('whoami without a key')
      return plain(state === 'good' ? 'whoami' : state === 'bearer' ? 'flows, key bearer' : `whoami, key ${state}`)
    }
    const refused = state === 'good' ? null : plain(`flows, key ${state}`) // one check for everything that only users may read
    if (path === '/api/v1/projects/') return refused ?? plain('projects')
    if (path === '/api/v1/flows/') {
      if ([...query.keys()].some((name) => !LIST_PARAMETERS.has(name)) || FALSE.has(query.get('get_all') ?? ''))
        return null
      return refused ?? plain(TRUE.has(query.get('header_flows') ?? '') ? 'flows, headers' : 'flows, whole')
    }
    const ref = /^\/api\/v1\/flows\/([^/]+)$/.exec(path)?.[1]
    // Folders of the server (basic_examples, public_flow, upload, download) aren't ids of flows; they end in a slash.
    return ref === undefined
      ? null
      : (refused ?? plain(recogniseFlow(decodeURIComponent(ref)), { ref: decodeURIComponent(ref) }))
  }

  const recogniseRun = (asked: Asked, ref: string): Asks | null => {
    const values = { ...nothing, ref }
    const state = keyState(asked)
    const flow = flows.find(ref)
    const otherwise = flow
      ? null
      : flows.of_others.includes(ref)
        ? 'run of another user’s flow'
        : 'run of an unknown flow'
    if (otherwise === 'run of an unknown flow' && version === '1.7.3') return { key: otherwise, values } // looked up before the key is checked
    if (state !== 'good') return { key: `run, key ${state === 'bearer' ? 'missing' : state}`, values }
    const stream = asked.query.get('stream') ?? 'false'
    if (!TRUE.has(stream) && !FALSE.has(stream))
      return { key: 'run with a bad stream', values: { ...values, ref: stream } }
    if (!flow) return { key: otherwise ?? '', values }

    const body = readBody(asked.body, version)
    if (body === 'bad' || body === 'array') return { key: `run with a body that is ${body}`, values }
    return body && recogniseBody(flow, body, values, isStreamed(asked) ? 'streamed' : 'plain', version)
  }

  return (asked: Asked): Recognised | null => {
    const { method, path } = asked
    const run = /^\/api\/v1\/run\/([^/]+)(\/?)$/.exec(path)
    if (method === 'POST' && run) {
      const location = path.slice(0, -1) + (asked.query.size > 0 ? `?${asked.query}` : '')
      if (run[2] === '/') return { key: 'run with a slash', values: { ...nothing, location }, run: true }
      const found = recogniseRun(asked, decodeURIComponent(run[1] ?? ''))
      return found && { ...found, run: true }
    }
    if (!OWN_PATHS.has(path.split('/')[1] ?? '') || /^\/(docs|redoc)\/./.test(path))
      return { key: 'unknown path', values: nothing, run: false }
    const found = method === 'GET' ? recogniseGet(asked) : null
    return found && { ...found, run: false }
  }
}

export const isStreamed = ({ query }: Asked): boolean => TRUE.has(query.get('stream') ?? '')

type RunBody = {
  input_value: string | null
  input_type: string
  output_type: string
  output_component: string
  session_id: string | null
  tweaks: Record<string, unknown>
}
const defaults: RunBody = {
  input_value: null,
  input_type: 'chat',
  output_type: 'chat',
  output_component: '',
  session_id: null,
  tweaks: {},
}

/**
 * The body as 1.7 and newer read it: an invalid body is not refused but counts as an empty one (run_wrong_types, run_object_input,
 * run_bad_output_type, in 1.7.3 run_tweak_bad_value). It may be inside `input_request` (run_wrapped).
 */
export const readBody = (text: string, version: LangflowVersion): RunBody | 'bad' | 'array' | null => {
  if (text === '') return defaults
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return 'bad'
  }
  if (Array.isArray(parsed)) return 'array'
  if (!isRecord(parsed)) return null
  const body = isRecord(parsed.input_request) ? parsed.input_request : parsed
  const {
    input_value = null,
    input_type = 'chat',
    output_type = 'chat',
    session_id = null,
    output_component = '',
  } = body
  const tweaks = body.tweaks ?? {}
  const texts = isTextOrNull(input_value) && isTextOrNull(session_id) && typeof output_component === 'string'
  const types = isOneOf(input_type, ['chat', 'text', 'any']) && isOneOf(output_type, ['chat', 'text', 'any', 'debug'])
  if (!texts || !types || !isRecord(tweaks)) return defaults
  if (version === '1.7.3' && Object.values(tweaks).some((tweak) => typeof tweak !== 'string' && !isRecord(tweak)))
    return defaults
  return { input_value, input_type, output_type, session_id, tweaks, output_component }
}

const recogniseBody = (
  flow: Flow,
  body: RunBody,
  values: Values,
  how: string,
  version: LangflowVersion,
): Asks | null => {
  const tweaks = effectiveTweaks(body.tweaks, flow.row.data.nodes, version)
  if (tweaks.some(({ fits }) => !fits)) return null
  const all = { ...values, input: body.input_value, session_id: body.session_id || flow.row.id, tweaks }
  const strange = tweaks.find(
    (tweak) => nameOf(tweak).startsWith('Webhook') && tweak.field === 'data' && !isJsonObject(tweak.value),
  )
  if (strange) return { key: `run with ${nameOf(strange)} that is no JSON object`, values: all }
  if (tweaks.some(({ field }) => field === 'code')) return { key: 'run that tweaks code', values: all }

  const reached = body.input_value === null ? [] : flow.inputs.filter((id) => isReached(id, body.input_type))
  const twice = tweaks.some(({ component, field }) => field === 'input_value' && reached.includes(component))
  if (twice) return { key: `run with an input beside a tweak of it, ${body.input_type}`, values: all }

  const input =
    body.input_value === '' && flow.passes && reached.length > 0 ? 'an empty one' : reached.join('+') || 'nobody'
  const chosen = flow.outputs.filter((id) => isReached(id, body.output_type))
  const output =
    body.output_type === 'debug'
      ? 'debug'
      : body.output_component !== ''
        ? (flow.outputs.find((id) => id === body.output_component) ?? 'an unknown component')
        : (chosen.length > 0 ? chosen : flow.outputs).join('+') || 'nobody'
  const tweaked = tweaks.map(nameOf).join('+') || 'none'
  return {
    key: `${how} run of ${flow.short_name}, input for ${input}, output of ${output}, tweaks ${tweaked}`,
    values: all,
  }
}

export const isReached = (component: string, type: string): boolean =>
  type === 'any' || component.toLowerCase().includes(type)
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isJsonObject = (text: unknown): boolean => {
  try {
    return isRecord(JSON.parse(String(text)))
  } catch {
    return false
  }
}
const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string'
const isOneOf = (value: unknown, allowed: string[]): value is string =>
  typeof value === 'string' && allowed.includes(value)
