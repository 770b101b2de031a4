/** What a use case returns for the ETag; the contract does not show it in the body. */
export type Versioned<T> = T & { version: number }

/** The versions that a caller permits a write to change (`If-Match`); null: any. */
export type Versions = readonly number[] | null

export const isAmong = (versions: Versions, version: number): boolean => versions?.includes(version) ?? true
