import type { Logger as EngineLogger } from '@automagik-spark/engine'

/** The part of a logger that the API uses. */
export type Logger = Omit<EngineLogger, 'child'>
