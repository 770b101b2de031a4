import { plainText, SourceError } from '@automagik-spark/core'
import { z } from 'zod'
import { identify, LangflowVersion, PROBE_TIMEOUT_MS, readPage, Status, unhealthy, wrongKind } from '../detect.ts'
import { badAnswer, type HttpCall, type HttpResponse, isSuccess, makeHttp, openHttp, shaped } from '../http/client.ts'
import { reasonOf } from '../http/error-reason.ts'
import { htmlFailure } from '../http/failure.ts'
import { pathSegment } from '../http/source-url.ts'
import type { JsonValue } from '../json/reader.ts'
import { oneLine } from '../plain-text.ts'
import type { FlowKey, RemoteFlow, Source, SourceOptions, VersionInfo } from '../source.ts'
import { readLangflowAnswer, readLangflowStream } from './answer.ts'
import { driftOf, hasBegunToStream, isFromElsewhere, lostIn, readsFirst, strangersIn } from './drift.ts'
import { langflowFailure } from './failure.ts'
import { canonicalGraph, flowComponents, remoteFlow } from './flow.ts'
import { graphOf, inputRuleOf } from './graph.ts'
import { checkRun, runRequest } from './request.ts'
import { mayStreamUnseen, streamsByItsCode } from './stream.ts'

const READ_TIMEOUT_MS = 30_000

/** Flows with one name; nobody tells more of them apart. */
const MOST_NAMESAKES = 10

const Header = z.object({ id: z.string(), name: z.string(), endpoint_name: z.string().nullish().catch(null) })
type FlowHeader = z.output<typeof Header>
const Folder = z.object({ id: z.string(), name: z.string() })

/** A Langflow server, 1.5 to 1.13. */
export const makeLangflow = ({ url, api_key, pool, version_info }: SourceOptions): Source => {
  const rule = inputRuleOf(version_info?.['release'])
  const http = makeHttp({ url, pool, api_key, keyHeaders: (key) => ({ 'x-api-key': key }), reasonOf })

  const folderNames = async (signal?: AbortSignal): Promise<Map<string, string>> => {
    // Projects since 1.4, folders before. A flow without the name of its folder is better than none.
    for (const path of ['api/v1/projects/', 'api/v1/folders/']) {
      try {
        const folders = await http.list(
          { path, timeoutMs: READ_TIMEOUT_MS, signal },
          (folder) => Folder.safeParse(folder).data ?? null,
        )
        return new Map(folders.map(({ id, name }) => [id, oneLine(name, 300)]))
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof SourceError) || error.error_code !== 'flow_not_found') break
      }
    }
    return new Map()
  }

  const getFlow = async ({ id }: Pick<FlowKey, 'id'>, signal?: AbortSignal): Promise<RemoteFlow | null> => {
    let path: string
    try {
      path = `api/v1/flows/${pathSegment(id)}`
    } catch {
      return null
    }
    const value = await http.call(
      { method: 'GET', purpose: 'read', path, timeoutMs: READ_TIMEOUT_MS, signal },
      async (response) => {
        // 404: unknown, or of another user. 422: not a UUID. Up to 1.7 a web page.
        if (response.status === 404 || response.status === 422 || (isSuccess(response) && response.isHtml)) return null
        if (!isSuccess(response)) throw await response.failure()
        return (await response.json()).value
      },
    )
    if (value === null) return null
    const { folder_id } = shaped(url, z.object({ folder_id: z.string().nullish().catch(null) }), value)
    const flow = remoteFlow(value, folder_id ? await folderNames(signal) : new Map())
    if (!flow) throw badAnswer(url, 'is not a flow')
    return flow
  }

  const listed = <T>(pick: (flow: JsonValue) => T | null, signal?: AbortSignal): Promise<T[]> => {
    const query = { get_all: 'true', header_flows: 'true', remove_example_flows: 'true' }
    return http.list({ path: 'api/v1/flows/', query, timeoutMs: READ_TIMEOUT_MS, signal }, pick)
  }

  return {
    source_type: 'langflow',

    async probe(signal) {
      // Without the key, which this page does not check: another server may be there.
      const open = openHttp({ url, pool, known_key: api_key })
      const found = await readPage(open, 'api/v1/version', LangflowVersion, signal)
      if (!found) throw wrongKind(url, 'langflow', await identify(open, signal))
      const { version, package: name = 'Langflow' } = found
      const status = await http.call(
        { method: 'GET', purpose: 'read', path: 'health', timeoutMs: PROBE_TIMEOUT_MS, signal },
        health,
      )
      if (status !== 'ok' && status !== 'unknown') throw unhealthy(url)
      // Of the three pages only this one checks the key.
      await http.get({ path: 'api/v1/users/whoami', timeoutMs: PROBE_TIMEOUT_MS, signal }, z.object({ id: z.string() }))
      // Langflow Base before 1.12 has its own versions: its 0.7.3 is Langflow 1.7.3.
      const release = name === 'Langflow Base' ? version.replace(/^0\./, '1.') : version
      return {
        version: oneLine(version, 100),
        name: oneLine(name, 100),
        status,
        features: ['stream'],
        release: oneLine(release, 100),
      } satisfies VersionInfo
    },

    async listFlows(signal) {
      const folders = await folderNames(signal)
      return listed((flow) => remoteFlow(flow, folders), signal)
    },

    getFlow,
    async findFlows(named, signal) {
      const flow = await getFlow({ id: named }, signal)
      if (flow) return [flow]
      // By what people call it: first the name of its endpoint, then its own name, then that in other upper and lower case.
      const headers = await listed((one): FlowHeader | null => Header.safeParse(one).data ?? null, signal)
      const alike = (is: (header: FlowHeader) => boolean) => headers.filter(is)
      const wanted = named.toLowerCase()
      const found = [
        alike(({ endpoint_name }) => endpoint_name === named),
        alike(({ name }) => name === named),
        alike(({ name }) => name.toLowerCase() === wanted),
      ].find((some) => some.length > 0)
      const flows = await Promise.all((found ?? []).slice(0, MOST_NAMESAKES).map(({ id }) => getFlow({ id }, signal)))
      return flows.filter((one) => one !== null)
    },

    components: (flow, wanted) => flowComponents(flow, wanted, rule),
    canonicalGraph: (flow: RemoteFlow) => canonicalGraph(flow.data),
    checkRun: (run) => checkRun(run, rule),
    readsFirst: (use) => readsFirst(use, rule),
    driftOf: (use, now) => driftOf(use, now.data, rule),
    lostIn: (use, now, from) => lostIn(use, now.data, from, rule),
    strangersIn: ({ data }, ids) => strangersIn(data, ids, rule),
    hasBegunToStream: (use, now) => hasBegunToStream(use.data, now.data, rule),

    async run(call) {
      const graph = graphOf(call.data, rule)
      const { body, notes } = runRequest(call, rule)
      const streamed = call.streams_only ?? streamsByItsCode(graph)
      const request: HttpCall = {
        method: 'POST',
        purpose: 'run',
        path: `api/v1/run/${pathSegment(call.flow_id)}`,
        query: { stream: String(streamed) },
        json: body,
        timeoutMs: call.timeoutMs,
        signal: call.signal,
      }
      const read = await http.call(request, async (response) => {
        if (!isSuccess(response)) throw await response.failure(langflowFailure(url))
        if (response.isHtml) throw htmlFailure(url, 'run')
        return streamed ? readLangflowStream(url, response) : { ...(await response.json()), tokens: null }
      })
      const { result, notes: more, from, makers, allEmpty } = readLangflowAnswer(url, read, call.output_component)
      const answer = { result, answer: read.text, bytes: read.bytes, notes: [...notes, ...more] }
      const is_elsewhere = call.output_component === null && isFromElsewhere(call.data, from, rule)
      const isSuspect =
        call.streams_only === null &&
        allEmpty &&
        call.input_value !== null &&
        plainText(call.input_value) !== '' &&
        mayStreamUnseen(graph)
      const is_empty = allEmpty && !streamed && !isSuspect
      const strangers = strangersIn(call.data, makers, rule)
      const doubt = (is_elsewhere || is_empty || strangers.length > 0) && {
        doubt: { from, is_elsewhere, is_empty, strangers },
      }
      // A streamed run shows it: a text in pieces means that the flow streams, a text in one piece that it does not.
      if (read.tokens !== null) return { ...answer, ...doubt, streams_only: read.tokens > 0 }
      if (!isSuspect) return { ...answer, ...doubt }
      const note =
        'The answer came out empty: perhaps a component of the flow only streams its text. The next run of this flow is streamed, to find that out.'
      return { ...answer, ...doubt, streams_only: true, notes: [...answer.notes, note] }
    },
  }
}

const health = async (response: HttpResponse): Promise<string> => {
  if (response.status >= 500) throw await response.failure()
  // A proxy may pass only the API on.
  if (!isSuccess(response) || response.isHtml) return 'unknown'
  const parsed = Status.safeParse((await response.json()).value)
  return parsed.success ? parsed.data.status : 'unknown'
}
