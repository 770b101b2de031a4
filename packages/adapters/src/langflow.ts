import { SourceError } from '@automagik-spark/core'
import { z } from 'zod'
import { strangerName } from './detect.ts'
import { reasonOf } from './error-reason.ts'
import { htmlFailure } from './failure.ts'
import { badAnswer, makeHttp, shaped, type HttpAnswer, type HttpCall } from './http.ts'
import type { JsonValue } from './json.ts'
import { readAnswer, readStream } from './langflow-answer.ts'
import { canonicalGraph, flowComponents, remoteFlow } from './langflow-flow.ts'
import { inputText, runRequest } from './langflow-request.ts'
import { oneLine } from './plain-text.ts'
import type { HttpPool } from './pool.ts'
import { pathSegment } from './source-url.ts'
import type { RemoteFlow, RunAnswer, RunCall, Source, VersionInfo } from './source.ts'

export type SourceOptions = {
  /** Normalized by `normalizeSourceUrl`. */
  url: string
  api_key: string | null
  pool: HttpPool
}

const PROBE_TIMEOUT_MS = 10_000
const READ_TIMEOUT_MS = 30_000

const Version = z.object({ version: z.string(), package: z.string().regex(/langflow/i).optional() })
const Health = z.object({ status: z.string() })
const Folders = z.array(z.object({ id: z.string(), name: z.string() }))

/** A Langflow server, 1.5 to 1.13. */
export const makeLangflow = ({ url, api_key, pool }: SourceOptions): Source => {
  const http = makeHttp({ url, pool, api_key, keyHeaders: (key) => ({ 'x-api-key': key }), reasonOf })

  const folderNames = async (signal?: AbortSignal): Promise<Map<string, string>> => {
    // Projects since 1.4, only folders before. A flow without its folder's name is better than none.
    for (const path of ['api/v1/projects/', 'api/v1/folders/']) {
      try {
        const folders = await http.get({ path, timeoutMs: READ_TIMEOUT_MS, signal }, Folders)
        return new Map(folders.map(({ id, name }) => [id, oneLine(name, 300)]))
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof SourceError) || error.error_code !== 'flow_not_found') break
      }
    }
    return new Map()
  }

  return {
    source_type: 'langflow',

    async probe(signal) {
      const { version, package: name = 'Langflow' } = await langflowVersion({ url, pool }, signal)
      const status = await http.call({ method: 'GET', purpose: 'read', path: 'health', timeoutMs: PROBE_TIMEOUT_MS, signal }, health)
      // The only one of the three that looks at the key.
      await http.get({ path: 'api/v1/users/whoami', timeoutMs: PROBE_TIMEOUT_MS, signal }, z.object({ id: z.string() }))
      // Langflow Base before 1.12 has a numbering of its own: its 0.7.3 is Langflow 1.7.3.
      const release = name === 'Langflow Base' ? version.replace(/^0\./, '1.') : version
      return { version: oneLine(version, 100), name: oneLine(name, 100), status, release: oneLine(release, 100) } satisfies VersionInfo
    },

    async listFlows(signal) {
      const query = { get_all: 'true', header_flows: 'true', remove_example_flows: 'true' }
      const [flows, folders] = await Promise.all([
        http.get({ path: 'api/v1/flows/', query, timeoutMs: READ_TIMEOUT_MS, signal }, z.array(z.unknown())),
        folderNames(signal),
      ])
      return flows.map((flow) => remoteFlow(flow, folders)).filter((flow) => flow !== null)
    },

    async getFlow(flow_id, signal) {
      let path: string
      try {
        path = `api/v1/flows/${pathSegment(flow_id)}`
      } catch {
        return null
      }
      const value = await http.call({ method: 'GET', purpose: 'read', path, timeoutMs: READ_TIMEOUT_MS, signal }, async (answer) => {
        // 404 unknown or somebody else's, 422 not a UUID, a web page up to 1.7.
        if (answer.status === 404 || answer.status === 422 || (isSuccess(answer) && answer.isHtml)) return null
        if (!isSuccess(answer)) throw await answer.failure()
        return (await answer.json()).value
      })
      if (value === null) return null
      const { folder_id } = shaped(url, z.object({ folder_id: z.string().nullish().catch(null) }), value)
      const flow = remoteFlow(value, folder_id ? await folderNames(signal) : new Map())
      if (!flow) throw badAnswer(url, 'is no flow')
      return flow
    },

    components: flowComponents,
    canonicalGraph: (flow: RemoteFlow) => canonicalGraph(flow.data),

    async run(call) {
      const { body, notes } = runRequest(call)
      const request: HttpCall = {
        method: 'POST',
        purpose: 'run',
        path: `api/v1/run/${pathSegment(call.flow_id)}`,
        query: { stream: String(call.streams_only) },
        json: body,
        timeoutMs: call.timeoutMs,
        signal: call.signal,
      }
      const { value, bytes } = await http.call(request, async (answer) => {
        if (!isSuccess(answer)) throw await answer.failure()
        if (answer.isHtml) throw htmlFailure(url, 'run')
        return call.streams_only ? readStream(url, answer.chunks) : answer.json()
      })
      const answer = runAnswer(call, value, bytes)
      return { ...answer, notes: [...notes, ...answer.notes] }
    },
  }

  function runAnswer(call: RunCall, answer: JsonValue, bytes: number): RunAnswer {
    const { text, notes, allEmpty } = readAnswer(url, answer, call.output_component)
    if (call.streams_only || !allEmpty || inputText(call.input_value) === '') return { text, answer, bytes, notes }
    const note = 'The answer came out empty: probably a component of the flow only streams its text. The next runs of this flow are streamed.'
    return { text, answer, bytes, streams_only: true, notes: [...notes, note] }
  }
}

/** Says that a Langflow is there, and which; needs no key. Else a SourceError that tells what is there instead. */
export const langflowVersion = async ({ url, pool }: Omit<SourceOptions, 'api_key'>, signal?: AbortSignal): Promise<z.output<typeof Version>> => {
  // Without the key: it is not looked at here, and nobody knows yet who answers.
  const http = makeHttp({ url, pool, api_key: null, keyHeaders: () => ({}), reasonOf })
  try {
    return await http.get({ path: 'api/v1/version', timeoutMs: PROBE_TIMEOUT_MS, signal }, Version)
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof SourceError) || !WRONG_KIND.has(error.error_code)) throw error
    const name = await strangerName(http, signal)
    const found = name ? `it looks like ${name}, which this version does not support yet` : `${http.base}/api/v1/version does not answer as Langflow does`
    throw new SourceError('bad_answer', 'refused', `${url} is no Langflow: ${found}.`, { cause: error })
  }
}
const WRONG_KIND = new Set<SourceError['error_code']>(['flow_not_found', 'bad_answer', 'bad_request', 'key_refused', 'output_too_large'])

const isSuccess = ({ status }: HttpAnswer): boolean => status >= 200 && status <= 299

const health = async (answer: HttpAnswer): Promise<string> => {
  if (answer.status >= 500) throw await answer.failure()
  // A proxy may let only the API through.
  if (!isSuccess(answer) || answer.isHtml) return 'unknown'
  const parsed = Health.safeParse((await answer.json()).value)
  return parsed.success ? oneLine(parsed.data.status, 100) : 'unknown'
}
