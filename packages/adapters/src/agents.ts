import { asStringText, jsonText, objectText, partOf, plainText, SourceError } from '@automagik-spark/core'
import { isObject } from '@automagik-spark/core'
import { z } from 'zod'
import { identify, readPage, Root, saysAgents, Status, unhealthy, wrongKind } from './detect.ts'
import { isSuccess, makeHttp, openHttp, shaped } from './http/client.ts'
import { reasonOf } from './http/error-reason.ts'
import { flowFailed, htmlFailure } from './http/failure.ts'
import { pathSegment } from './http/source-url.ts'
import { sorted, without } from './json/canonical.ts'
import type { JsonValue } from './json/reader.ts'
import { messageComponents, messageFlow, messageProblems, refuseTweaks } from './message-flow.ts'
import { manyLines, oneLine } from './plain-text.ts'
import type { FlowKey, RemoteFlow, RunAnswer, RunCall, Source, SourceOptions, VersionInfo } from './source.ts'

const READ_TIMEOUT_MS = 30_000
const ORIGIN = 'automagik-spark'

const Agent = z.object({ name: z.string().min(1), description: z.string().nullish().catch(null) })
const Answer = z.object({ message: z.unknown(), success: z.boolean() })

/** An agent's id is its name: the numbers in the list are ids of the server's database. */
const agentFlow = (value: unknown, withData: boolean): RemoteFlow | null => {
  const { data: agent } = Agent.safeParse(value)
  if (!agent) return null
  return messageFlow({
    id: agent.name,
    name: oneLine(agent.name, 300),
    description: manyLines(agent.description ?? '', 5000),
    flow_type: 'agent',
    data: withData ? (value as JsonValue) : null, // from JSON.parse
  })
}

/** Fields that change although the agent does not; `version` is that of the server. */
const HOUSEKEEPING = new Set(['id', 'created_at', 'updated_at', 'version', 'error_message', 'error_webhook_url'])

/** An Automagik Agents server. */
export const makeAgents = ({ url, api_key, pool }: SourceOptions): Source => {
  const http = makeHttp({ url, pool, api_key, keyHeaders: (key) => ({ 'x-api-key': key }), reasonOf })

  const list = async (withData: boolean, signal?: AbortSignal): Promise<RemoteFlow[]> => {
    const at = (path: string) =>
      http.list({ path, timeoutMs: READ_TIMEOUT_MS, signal }, (agent) => agentFlow(agent, withData))
    return at('api/v1/agents').catch((error: unknown) => {
      // Its path before 0.5.
      if (error instanceof SourceError && error.error_code === 'flow_not_found') return at('api/v1/agent/list')
      throw error
    })
  }

  const getFlow = async ({ id, flow_type }: FlowKey, signal?: AbortSignal): Promise<RemoteFlow | null> => {
    if (flow_type !== 'agent') return null
    let path: string
    try {
      path = `api/v1/agent/${pathSegment(id)}`
    } catch {
      return null
    }
    const whole = await http.call(
      { method: 'GET', purpose: 'read', path, timeoutMs: READ_TIMEOUT_MS, signal },
      async (response) => {
        if (response.status === 404 || response.status === 405) return null
        if (!isSuccess(response)) throw await response.failure()
        if (response.isHtml) throw htmlFailure(url, 'read')
        return agentFlow((await response.json()).value, true)
      },
    )
    // The server also finds an agent by its number in the list, which would be a second name for it.
    if (whole?.id === id) return whole
    return (await list(true, signal)).find((agent) => agent.id === id) ?? null
  }

  const runWith = async (
    call: RunCall,
    origin: typeof ORIGIN | null,
    timeoutMs: number,
  ): Promise<RunAnswer | 'no such origin'> => {
    const json = objectText([
      ['message_content', asStringText(call.input_value ?? jsonText(''))],
      ['session_name', jsonText(call.session_id)],
      ...(origin ? [['session_origin', jsonText(origin)] as const] : []),
    ])
    const path = `api/v1/agent/${pathSegment(call.flow_id)}/run`
    return http.call(
      { method: 'POST', purpose: 'run', path, json, timeoutMs, signal: call.signal },
      async (response) => {
        if (response.status === 422) {
          const failure = await response.failure()
          if (origin !== null && failure.message.includes('session_origin')) return 'no such origin'
          throw failure
        }
        if (!isSuccess(response)) throw await response.failure()
        if (response.isHtml) throw htmlFailure(url, 'run')
        const { value, text: source, bytes } = await response.json()
        const { message, success } = shaped(url, Answer, value)
        const result =
          message === undefined || message === null ? '' : plainText(partOf(source, 'message') ?? jsonText(message))
        if (!success) throw flowFailed(result)
        return { result, answer: source, bytes, notes: [] }
      },
    )
  }

  return {
    source_type: 'automagik-agents',

    async probe(signal) {
      const open = openHttp({ url, pool, known_key: api_key })
      const health = await readPage(open, 'health', Status, signal)
      const root = health && (await readPage(open, '', Root, signal))
      if (!root || !saysAgents(root)) throw wrongKind(url, 'automagik-agents', await identify(open, signal))
      if (health.status !== 'healthy') throw unhealthy(url)
      await list(false, signal)
      return {
        version: oneLine(root.version ?? 'unknown', 100),
        name: 'Automagik Agents',
        status: health.status,
        features: [],
      } satisfies VersionInfo
    },

    async listFlows(signal) {
      return list(false, signal)
    },

    getFlow,
    async findFlows(named, signal) {
      const flow = await getFlow({ id: named.replace(/^agent:/, ''), flow_type: 'agent' }, signal)
      return flow ? [flow] : []
    },

    components: messageComponents,
    checkRun: messageProblems,
    canonicalGraph: ({ data }) => (isObject(data) ? sorted(without(data, HOUSEKEEPING)) : null),

    async run(call) {
      refuseTweaks(call)
      if (call.flow_type !== 'agent')
        throw new SourceError('flow_not_found', 'refused', `${url} has agents and nothing else.`)
      const until = performance.now() + call.timeoutMs
      const answer = await runWith(call, ORIGIN, call.timeoutMs)
      // An older server does not know this origin, and refused the call before anything ran.
      const again =
        answer === 'no such origin'
          ? await runWith(call, null, Math.max(1, Math.ceil(until - performance.now())))
          : answer
      if (again === 'no such origin') throw new Error('asked only with an origin')
      return again
    },
  }
}
