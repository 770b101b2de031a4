import type { HttpPool, Source as RemoteSource } from '@automagik-spark/adapters'
import { makeSource } from '@automagik-spark/adapters'
import type { SourceType } from '@automagik-spark/core'
import type { Vault } from './vault.ts'

/** What of a source's row is needed to call it; the key is still encrypted. */
export type StoredSource = {
  source_id: string
  source_type: SourceType
  url: string
  api_key: string | null
  version_info?: Record<string, unknown> | null
}
export type OpenSource = (source: StoredSource) => RemoteSource

type Deps = {
  pool: HttpPool
  vault: Vault
  /** Keeps a decrypted key out of the logs. */
  addSecret: (secret: string) => void
}

/** The associated data of an encrypted key: moved to another row it cannot be opened. */
export const keyPlace = (source_id: string) => `sources:${source_id}:api_key`

/** Makes the adapter of a stored source. */
export const makeOpenSource = ({ pool, vault, addSecret }: Deps): OpenSource => {
  // By the row object: a changed source is another object.
  const opened = new WeakMap<StoredSource, RemoteSource>()
  return (source) => {
    const { source_id, source_type, url, api_key: sealed, version_info } = source
    const known = opened.get(source)
    if (known) return known
    const api_key = sealed === null ? null : vault.open(sealed, keyPlace(source_id))
    if (api_key) addSecret(api_key)
    const remote = makeSource({ source_type, url, api_key, pool, version_info })
    opened.set(source, remote)
    return remote
  }
}
