import type { FlowType } from '@automagik-spark/core'
import { isObject } from '@automagik-spark/core'
import { z } from 'zod'
import { type JsonObject, sorted, without } from '../json/canonical.ts'
import type { JsonValue } from '../json/reader.ts'
import { messageFlow } from '../message-flow.ts'
import { manyLines, oneLine } from '../plain-text.ts'
import type { RemoteFlow } from '../source.ts'

export type HiveKind = Exclude<FlowType, 'flow'>
export const HIVE_KINDS: HiveKind[] = ['agent', 'team', 'workflow']

const Text = z.string().nullish().catch(null)
const Entry = z.object({
  id: Text,
  // Hive 0.1.
  agent_id: Text,
  team_id: Text,
  workflow_id: Text,
  name: Text,
  description: Text,
  // agno 2 has the descriptions of agents and teams only here.
  system_message: z.object({ description: Text }).nullish().catch(null),
})

/** Null for a value without an id. */
export const hiveFlow = (kind: HiveKind, value: JsonValue, withData: boolean): RemoteFlow | null => {
  const parsed = Entry.safeParse(value)
  const entry = parsed.data
  const id = entry && (entry.id ?? entry[`${kind}_id`])
  if (!id) return null
  return messageFlow({
    id,
    name: oneLine(entry.name ?? id, 300),
    description: manyLines(entry.description ?? entry.system_message?.description ?? '', 5000),
    flow_type: kind,
    data: withData ? value : null,
  })
}

/** Whether the flow was synced from Hive 0.1, whose API is the playground and whose ids are in fields such as `agent_id`. */
export const isPlaygroundFlow = (data: JsonValue): boolean =>
  isObject(data) && data['id'] === undefined && HIVE_KINDS.some((kind) => typeof data[`${kind}_id`] === 'string')

/** Fields about storage and counts, which are not part of the definition. */
const HOUSEKEEPING = new Set(['db_id', 'sessions', 'session_table', 'created_at', 'updated_at', 'storage'])
/** Parts that are agents, teams or steps themselves. */
const PARTS = ['members', 'steps', 'agent', 'team'] as const

export const canonicalHive = (data: JsonValue): JsonValue => (isObject(data) ? sorted(definition(data)) : null)

const definition = (value: JsonObject): JsonObject => {
  const kept = without(value, HOUSEKEEPING)
  // Hive's count of the parameters of its agno: it changes with every upgrade.
  if (isObject(kept['metadata']))
    kept['metadata'] = without(kept['metadata'], new Set(['agno_parameters_count', 'loaded_from']))
  for (const part of PARTS) {
    const inner = kept[part]
    if (Array.isArray(inner)) kept[part] = inner.map((one) => (isObject(one) ? definition(one) : one))
    else if (isObject(inner)) kept[part] = definition(inner)
  }
  return kept
}
