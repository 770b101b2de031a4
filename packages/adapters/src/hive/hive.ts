import { jsonText, SourceError } from '@automagik-spark/core'
import { z } from 'zod'
import { HiveHealth, identify, listsAgents, readPage, Root, saysHive, Status, unhealthy, wrongKind } from '../detect.ts'
import { type HttpCall, isSuccess, makeHttp, openHttp } from '../http/client.ts'
import { reasonOf } from '../http/error-reason.ts'
import { htmlFailure } from '../http/failure.ts'
import { pathSegment } from '../http/source-url.ts'
import { messageComponents, messageText, refuseTweaks } from '../message-flow.ts'
import { oneLine } from '../plain-text.ts'
import type { FlowKey, RemoteFlow, RunAnswer, RunCall, Source, SourceOptions, VersionInfo } from '../source.ts'
import { forwardedFailure, readHiveAnswer, readHiveStream } from './answer.ts'
import { canonicalHive, HIVE_KINDS, hiveFlow, type HiveKind, isPlaygroundFlow } from './flow.ts'
import { formProblem, hiveProblems } from './message.ts'
import { recoverHive } from './recover.ts'

const READ_TIMEOUT_MS = 30_000
/** The id of an agent that no server has. */
const NO_AGENT = 'spark-asks-whether-empty-messages-are-taken'

const Text = z.string().nullish().catch(null)
const Info = z.object({ os_version: Text, agno_version: Text })

/** The error of a plain run when only the streamed form works: on agno 2.0 to 2.2 after anybody streamed that workflow. */
const STREAMS_ONLY = /async_generator/

/** An Automagik Hive, 0.1 to 1.0, or any other AgentOS of agno. */
export const makeHive = ({ url, api_key, pool }: SourceOptions): Source => {
  // Hive 0.1 reads the first header, later ones the second; all accept both.
  const http = makeHttp({
    url,
    pool,
    api_key,
    keyHeaders: (key) => ({ 'x-api-key': key, authorization: `Bearer ${key}` }),
    reasonOf,
  })

  const itemsAt = (kind: HiveKind, base: string, withData: boolean, signal?: AbortSignal): Promise<RemoteFlow[]> =>
    http.list({ path: `${base}${kind}s`, timeoutMs: READ_TIMEOUT_MS, signal }, (item) => hiveFlow(kind, item, withData))
  const absent =
    <T>(instead: T) =>
    (error: unknown): T => {
      if (error instanceof SourceError && error.error_code === 'flow_not_found') return instead
      throw error
    }

  /** The agents, and the base path of this server's API; read with the key. */
  const agentsAt = async (signal?: AbortSignal): Promise<{ base: '' | 'playground/'; agents: RemoteFlow[] }> => {
    const agents = await itemsAt('agent', '', false, signal).catch(absent(null))
    return agents
      ? { base: '', agents }
      : { base: 'playground/', agents: await itemsAt('agent', 'playground/', false, signal) }
  }
  let known: Promise<'' | 'playground/'> | undefined
  const baseOf = (signal?: AbortSignal): Promise<'' | 'playground/'> => {
    known ??= agentsAt(signal).then(({ base }) => base)
    known.catch(() => (known = undefined))
    return known
  }

  const listed = async (
    kind: HiveKind,
    base: string,
    withData: boolean,
    signal?: AbortSignal,
  ): Promise<RemoteFlow[]> => {
    // An AgentOS may have no teams or workflows.
    return itemsAt(kind, base, withData, signal).catch(absent([]))
  }

  const getFlow = async ({ id, flow_type }: FlowKey, signal?: AbortSignal): Promise<RemoteFlow | null> => {
    if (flow_type === 'flow') return null
    let segment: string
    try {
      segment = pathSegment(id)
    } catch {
      return null
    }
    const base = await baseOf(signal)
    if (base !== '') {
      // The playground has no path for one agent or team.
      const flow = (await listed(flow_type, base, true, signal)).find((one) => one.id === id) ?? null
      if (flow === null || flow_type !== 'workflow') return flow
    }
    const path = `${base}${flow_type}s/${segment}`
    return http.call({ method: 'GET', purpose: 'read', path, timeoutMs: READ_TIMEOUT_MS, signal }, async (response) => {
      if (response.status === 404) return null
      if (!isSuccess(response)) throw await response.failure()
      if (response.isHtml) throw htmlFailure(url, 'read')
      const flow = hiveFlow(flow_type, (await response.json()).value, true)
      return flow?.id === id ? flow : null
    })
  }

  /** What the server says without the key; a SourceError when it is not a Hive. */
  const sight = async (
    signal?: AbortSignal,
  ): Promise<{ name: string; version: string | null; status: string; agno?: string }> => {
    const open = openHttp({ url, pool, known_key: api_key })
    const old = await readPage(open, 'api/v1/health', HiveHealth, signal)
    if (old) {
      if (old.status !== 'success') throw unhealthy(url)
      return { name: 'Automagik Hive', version: null, status: old.status }
    }
    const root = await readPage(open, '', Root, signal)
    const health = await readPage(open, 'health', Status, signal)
    const isHive = root && saysHive(root)
    if (!isHive && !(health?.status === 'ok' && (await listsAgents(open, signal))))
      throw wrongKind(url, 'automagik-hive', await identify(open, signal))
    if (health && health.status !== 'ok') throw unhealthy(url)
    const name = /automagik.?hive/i.test(root?.description ?? '')
      ? 'Automagik Hive'
      : oneLine(root?.name ?? 'AgentOS', 100)
    // agno 3 gives its version only here; from 2.9 on agno also gives its own one here.
    const info = await readPage(open, 'info', Info, signal)
    return {
      name,
      version: root?.version ?? info?.os_version ?? 'unknown',
      status: health?.status ?? 'unknown',
      ...(info?.agno_version && { agno: oneLine(info.agno_version, 100) }),
    }
  }

  const runOnce = async (call: RunCall, base: string, streamed: boolean, timeoutMs: number): Promise<RunAnswer> => {
    const kind = call.flow_type as HiveKind // `run` sends nothing else here
    const message = messageText(call)
    const asJson = base !== '' && kind === 'workflow'
    const tooLong = asJson ? null : formProblem(call.input_value)
    if (tooLong !== null) throw new SourceError('bad_request', 'refused', `The input ${tooLong}.`)
    const request: HttpCall = {
      method: 'POST',
      purpose: 'run',
      path: `${base}${kind}s/${pathSegment(call.flow_id)}/runs`,
      // Nothing else: a field that the server does not know becomes an argument of the run.
      ...(asJson
        ? { json: jsonText({ input: { message }, stream: streamed, session_id: call.session_id }) }
        : { form: { message, stream: String(streamed), session_id: call.session_id } }),
      timeoutMs,
      signal: call.signal,
    }
    return http.call(request, async (response) => {
      if (!isSuccess(response)) throw await response.failure(forwardedFailure)
      if (response.isHtml) throw htmlFailure(url, 'run')
      if (streamed) return readHiveStream(url, kind, response)
      const read = await response.json()
      return { ...readHiveAnswer(url, read, { playground: base !== '' }), answer: read.text, bytes: read.bytes }
    })
  }

  /** Runs plainly unless only the streamed form works: a plain run goes on when its connection breaks, and its outcome can be recovered. */
  const runAt = async (call: RunCall, base: string, leftMs: () => number): Promise<RunAnswer> => {
    // Hive 0.1 cannot serialize the plain answer of a workflow: after the workflow ran comes a 500.
    const streamed = call.streams_only === true || (base !== '' && call.flow_type === 'workflow')
    try {
      return await runOnce(call, base, streamed, leftMs())
    } catch (error) {
      const broken =
        !streamed &&
        call.flow_type === 'workflow' &&
        error instanceof SourceError &&
        error.failure === 'flow_failed' &&
        STREAMS_ONLY.test(error.message)
      if (!broken) throw error
      const answer = await runOnce(call, base, true, leftMs())
      const note =
        'This server can run the workflow only in the streamed form now; it was run again like that, and so are its next runs.'
      return { ...answer, streams_only: true, notes: [note, ...answer.notes] }
    }
  }

  return {
    source_type: 'automagik-hive',

    async probe(signal) {
      const seen = await sight(signal)
      const { base } = await agentsAt(signal)
      const root =
        seen.version === null && base === ''
          ? await readPage(openHttp({ url, pool, known_key: api_key }), '', Root, signal)
          : null
      return {
        version: oneLine(seen.version ?? root?.version ?? '0.1', 100),
        name: seen.name,
        status: seen.status,
        features: base === '' ? ['stream', 'recover'] : ['stream'],
        api: base === '' ? 'agentos' : 'playground',
        ...(seen.agno !== undefined && { agno: seen.agno }),
      } satisfies VersionInfo
    },

    async listFlows(signal) {
      const { base, agents } = await agentsAt(signal)
      const [teams, workflows] = await Promise.all([
        listed('team', base, false, signal),
        listed('workflow', base, false, signal),
      ])
      return [...agents, ...teams, ...workflows]
    },

    getFlow,
    async findFlows(named, signal) {
      const [, kind, id] = /^(agent|team|workflow):(.+)$/s.exec(named) ?? []
      const keys: FlowKey[] = HIVE_KINDS.map((flow_type) => ({ id: named, flow_type }))
      if (kind !== undefined && id !== undefined) keys.push({ id, flow_type: kind as HiveKind }) // as the pattern says
      const found = await Promise.all(keys.map((key) => getFlow(key, signal)))
      return found.filter((flow) => flow !== null)
    },

    components: messageComponents,
    checkRun: hiveProblems,

    async refusesEmpty(signal) {
      const base = await baseOf(signal)
      // The server checks the form before it looks for the agent. Whether it takes an empty one depends on its FastAPI, not on its agno alone.
      const request: HttpCall = {
        method: 'POST',
        purpose: 'read',
        path: `${base}agents/${NO_AGENT}/runs`,
        form: { message: '', stream: 'false' },
        timeoutMs: READ_TIMEOUT_MS,
        signal,
      }
      return http.call(request, (response) =>
        Promise.resolve(response.status === 422 ? true : response.status === 404 ? false : null),
      )
    },
    canonicalGraph: ({ data }) => canonicalHive(data),

    async run(call) {
      refuseTweaks(call)
      if (call.flow_type === 'flow')
        throw new SourceError('flow_not_found', 'refused', `${url} has agents, teams and workflows, and no flows.`)
      pathSegment(call.flow_id) // throws before anything is sent
      const until = performance.now() + call.timeoutMs
      const leftMs = (): number => Math.max(1, Math.ceil(until - performance.now()))
      const base = isPlaygroundFlow(call.data) ? 'playground/' : ''
      try {
        return await runAt(call, base, leftMs)
      } catch (error) {
        if (!(error instanceof SourceError) || error.error_code !== 'flow_not_found') throw error
        // Nothing ran. The server may have been upgraded since the sync, and its API moved.
        const now = await agentsAt(AbortSignal.any([call.signal, AbortSignal.timeout(leftMs())])).then(
          ({ base: found }) => found,
          () => base,
        )
        call.signal.throwIfAborted()
        if (now === base) throw error
        return runAt(call, now, leftMs)
      }
    },

    recover: (call) => recoverHive({ url, http }, call),
  }
}
