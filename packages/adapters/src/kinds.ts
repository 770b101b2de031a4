import { SourceType } from '@automagik-spark/core'

type Kind = {
  /** As people call such a server. */
  name: string
  /** Where one usually listens: looked at on this machine when Spark starts. */
  port: number
  /** The environment variable whose key is tried on one that was found. */
  key_variable: string
  /** Its servers can say what became of a lost call: their `Source` has a `recover`. */
  recovers: boolean
}

/**
 * The kinds of flow servers. A new kind is a row here, its maker in make-source.ts, its marks in detect.ts, and its name in the contract's
 * `SourceType`: nothing outside this package lists kinds or asks for one by name.
 */
export const KINDS = {
  langflow: { name: 'Langflow', port: 7860, key_variable: 'LANGFLOW_API_KEY', recovers: false },
  'automagik-hive': { name: 'Automagik Hive', port: 8886, key_variable: 'HIVE_API_KEY', recovers: true },
  'automagik-agents': { name: 'Automagik Agents', port: 8881, key_variable: 'AGENTS_API_KEY', recovers: false },
} as const satisfies Record<SourceType, Kind>

export type KeyVariable = (typeof KINDS)[SourceType]['key_variable']

/** Whose servers can be asked for the outcome of a lost call. */
export const RECOVERING_TYPES: readonly SourceType[] = SourceType.options.filter((type) => KINDS[type].recovers)
