import { SourceError, type SourceType } from '@automagik-spark/core'
import { z } from 'zod'
import type { Http } from './http/client.ts'
import { KINDS } from './kinds.ts'

export const PROBE_TIMEOUT_MS = 10_000
/** Looking for what else may be there is no reason to wait long. */
const GLANCE_TIMEOUT_MS = 5000

export const LangflowVersion = z.object({
  version: z.string(),
  package: z
    .string()
    .regex(/langflow/i)
    .optional(),
})
const Text = z.string().nullish().catch(null)
/** What the front door says. agno's own name for what Hive is built on is AgentOS. */
export const Root = z.object({ name: Text, service: Text, description: Text, version: Text })
type Root = z.output<typeof Root>
export const Status = z.object({ status: z.string() })
export const HiveHealth = z.object({ status: z.string(), service: z.string().regex(/hive/i) })

export const saysHive = ({ name, service, description }: Root): boolean =>
  /agentos|agno\b|\bhive\b/i.test([name, service, description].join(' '))
export const saysAgents = ({ name, description }: Root): boolean =>
  /automagik (agents|api)/i.test([name, description].join(' '))

/** What an error means that says only that something else is there. */
const WRONG_KIND = new Set<SourceError['error_code']>([
  'flow_not_found',
  'bad_answer',
  'bad_request',
  'key_refused',
  'output_too_large',
])
export const isWrongKind = (error: unknown): error is SourceError =>
  error instanceof SourceError && WRONG_KIND.has(error.error_code)

/** An open page of a server, or null when it has none of that shape. No connection is an error. */
export const look = async <T>(
  http: Http,
  path: string,
  schema: z.ZodType<T>,
  signal?: AbortSignal,
  timeoutMs = PROBE_TIMEOUT_MS,
): Promise<T | null> => {
  try {
    return await http.get({ path, timeoutMs, signal }, schema)
  } catch (error) {
    signal?.throwIfAborted()
    if (isWrongKind(error)) return null
    throw error
  }
}

const Named = z.object({ id: z.string() })

/** Whether agents are listed there, or would be for a key. */
export const listsAgents = async (http: Http, signal?: AbortSignal): Promise<boolean> => {
  try {
    const named = await http.list(
      { path: 'agents', timeoutMs: GLANCE_TIMEOUT_MS, signal },
      (agent) => Named.safeParse(agent).success,
    )
    return !named.includes(false)
  } catch (error) {
    signal?.throwIfAborted()
    return error instanceof SourceError && error.error_code === 'key_refused'
  }
}

/** The kind of flow server that answers, by what it says without a key; null for none that Spark knows. */
export const identify = async (http: Http, signal?: AbortSignal): Promise<SourceType | null> => {
  if (await look(http, 'api/v1/version', LangflowVersion, signal)) return 'langflow'
  const glance = <T>(path: string, schema: z.ZodType<T>): Promise<T | null> =>
    look(http, path, schema, signal, GLANCE_TIMEOUT_MS).catch((error: unknown) => {
      signal?.throwIfAborted()
      // Something answers already; that one of its pages is broken does not tell what it is.
      if (error instanceof SourceError) return null
      throw error
    })
  // Asked first: of the oldest Hive only this page is certain.
  if (await glance('api/v1/health', HiveHealth)) return 'automagik-hive'
  const root = await glance('', Root)
  if (root && saysAgents(root)) return 'automagik-agents'
  if (root && saysHive(root)) return 'automagik-hive'
  const health = await glance('health', Status)
  return health?.status === 'ok' && (await listsAgents(http, signal)) ? 'automagik-hive' : null
}

/** Says what is there instead. */
export const wrongKind = (url: string, wanted: SourceType, found: SourceType | null): SourceError => {
  const instead =
    found === null || found === wanted
      ? 'it does not answer as one does'
      : `it looks like ${KINDS[found].name}. Give source_type ${found}, or leave it out`
  return new SourceError('bad_answer', 'refused', `${url} is no ${KINDS[wanted].name}: ${instead}.`)
}

export const unknownKind = (url: string): SourceError =>
  new SourceError(
    'bad_answer',
    'refused',
    `${url} is no flow server that Spark knows: neither ${Object.values(KINDS)
      .map(({ name }) => name)
      .join(' nor ')} answers there.`,
  )

export const unhealthy = (url: string): SourceError =>
  new SourceError(
    'source_unreachable',
    'unknown',
    `${url} answers, and says that it is not healthy. Look at the server's own log.`,
  )
