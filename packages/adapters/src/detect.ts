import { SourceError, type SourceType } from '@automagik-spark/core'
import { z } from 'zod'
import type { Http } from './http/client.ts'
import { KINDS } from './kinds.ts'

export const PROBE_TIMEOUT_MS = 10_000
/** A short wait, for pages that only tell which kind of server it is. */
const GLANCE_TIMEOUT_MS = 5000

export const LangflowVersion = z.object({
  version: z.string(),
  package: z
    .string()
    .regex(/langflow/i)
    .optional(),
})
const Text = z.string().nullish().catch(null)
/** The page at the root. AgentOS is agno's name for what Hive is built on. */
export const Root = z.object({ name: Text, service: Text, description: Text, version: Text })
type Root = z.output<typeof Root>
export const Status = z.object({ status: z.string() })
export const HiveHealth = z.object({ status: z.string(), service: z.string().regex(/hive/i) })

export const saysHive = ({ name, service, description }: Root): boolean =>
  /agentos|agno\b|\bhive\b/i.test([name, service, description].join(' '))
export const saysAgents = ({ name, description }: Root): boolean =>
  /automagik (agents|api)/i.test([name, description].join(' '))

/** Errors which mean that a server of another kind is there. */
const WRONG_KIND = new Set<SourceError['error_code']>([
  'flow_not_found',
  'bad_answer',
  'bad_request',
  'key_refused',
  'output_too_large',
])
export const isWrongKind = (error: unknown): error is SourceError =>
  error instanceof SourceError && WRONG_KIND.has(error.error_code)

/** A page that needs no key; null when the server has none of that shape. A server that cannot be reached is an error. */
export const readPage = async <T>(
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

/** Whether the server lists agents, or would with a key. */
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

/** The kind of a flow server, by pages that need no key; null when Spark does not know it. */
export const identify = async (http: Http, signal?: AbortSignal): Promise<SourceType | null> => {
  if (await readPage(http, 'api/v1/version', LangflowVersion, signal)) return 'langflow'
  const glance = <T>(path: string, schema: z.ZodType<T>): Promise<T | null> =>
    readPage(http, path, schema, signal, GLANCE_TIMEOUT_MS).catch((error: unknown) => {
      signal?.throwIfAborted()
      // A server is there; one broken page does not tell its kind.
      if (error instanceof SourceError) return null
      throw error
    })
  // First, as the oldest Hive surely has only this page.
  if (await glance('api/v1/health', HiveHealth)) return 'automagik-hive'
  const root = await glance('', Root)
  if (root && saysAgents(root)) return 'automagik-agents'
  if (root && saysHive(root)) return 'automagik-hive'
  const health = await glance('health', Status)
  return health?.status === 'ok' && (await listsAgents(http, signal)) ? 'automagik-hive' : null
}

/** `a Langflow`, `an Automagik Hive`. */
const withArticle = (type: SourceType): string =>
  `${/^[AEIOU]/.test(KINDS[type].name) ? 'an' : 'a'} ${KINDS[type].name}`

/** The server is of another kind than the user said; the message names it. */
export const wrongKind = (url: string, wanted: SourceType, found: SourceType | null): SourceError => {
  const instead =
    found === null || found === wanted
      ? 'it does not answer as one does'
      : `it looks like ${KINDS[found].name}. Give source_type ${found}, or leave it out`
  return new SourceError('bad_answer', 'refused', `${url} is not ${withArticle(wanted)} server: ${instead}.`)
}

export const unknownKind = (url: string): SourceError =>
  new SourceError(
    'bad_answer',
    'refused',
    `${url} is not a flow server that Spark knows: neither ${Object.values(KINDS)
      .map(({ name }) => name)
      .join(' nor ')} answers there.`,
  )

export const unhealthy = (url: string): SourceError =>
  new SourceError(
    'source_unreachable',
    'unknown',
    `${url} answers, and says that it is not healthy. Look at the server's own log.`,
  )
