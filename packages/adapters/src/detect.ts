import { z } from 'zod'
import type { Http } from './http.ts'

const TIMEOUT_MS = 5000
const Named = z.object({ name: z.string().optional(), service: z.string().optional(), description: z.string().optional() })

/** The flow servers that Spark knows by sight and cannot talk to yet, by what they say where no key is needed. */
const STRANGERS: { path: string; name: string; says: RegExp }[] = [
  { path: 'api/v1/health', name: 'Automagik Hive', says: /hive/i },
  { path: '', name: 'Automagik Hive', says: /agentos|hive/i },
  { path: '', name: 'Automagik Agents', says: /automagik (agents|api)/i },
]

/** What kind of server this is, when it is one of those; null otherwise. */
export const strangerName = async (http: Http, signal?: AbortSignal): Promise<string | null> => {
  for (const { path, name, says } of STRANGERS) {
    try {
      const answer = await http.get({ path, timeoutMs: TIMEOUT_MS, signal }, Named)
      if (says.test([answer.name, answer.service, answer.description].join(' '))) return name
    } catch {
      signal?.throwIfAborted()
    }
  }
  return null
}
