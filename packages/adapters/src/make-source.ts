import type { SourceType } from '@automagik-spark/core'
import { makeAgents } from './agents.ts'
import { identify, unknownKind } from './detect.ts'
import { makeHive } from './hive/hive.ts'
import { openHttp } from './http/client.ts'
import { makeLangflow } from './langflow/langflow.ts'
import type { Source, SourceOptions } from './source.ts'
import { withoutKey } from './without-key.ts'

const MAKERS: Record<SourceType, (options: SourceOptions) => Source> = {
  langflow: makeLangflow,
  'automagik-hive': makeHive,
  'automagik-agents': makeAgents,
}

export const makeSource = ({ source_type, ...options }: SourceOptions & { source_type: SourceType }): Source =>
  withoutKey(MAKERS[source_type](options), options.api_key)

/** The kind of the flow server at this URL; a SourceError when Spark knows none there. */
export const detectSourceType = async (
  { url, pool }: Pick<SourceOptions, 'url' | 'pool'>,
  signal?: AbortSignal,
): Promise<SourceType> => {
  const found = await identify(openHttp({ url, pool }), signal)
  if (found === null) throw unknownKind(url)
  return found
}
