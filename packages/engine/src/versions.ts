import type { Versions } from '@automagik-spark/db'

export type { Versions }

/** What a use case returns for the ETag; the contract does not show it in the body. */
export type Versioned<T> = T & { version: number }

export const isAmong = (versions: Versions, version: number): boolean => versions?.includes(version) ?? true
