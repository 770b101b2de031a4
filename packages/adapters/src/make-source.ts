import type { SourceType } from '@automagik-spark/core'
import { langflowVersion, makeLangflow, type SourceOptions } from './langflow.ts'
import type { Source } from './source.ts'

const MAKERS: Record<SourceType, (options: SourceOptions) => Source> = {
  langflow: makeLangflow,
}

export const makeSource = ({ source_type, ...options }: SourceOptions & { source_type: SourceType }): Source => MAKERS[source_type](options)

/** Which kind of flow server answers at this URL. None that Spark can talk to: a SourceError that says what was found. */
export const detectSourceType = async (options: Pick<SourceOptions, 'url' | 'pool'>, signal?: AbortSignal): Promise<SourceType> => {
  await langflowVersion(options, signal)
  return 'langflow'
}
