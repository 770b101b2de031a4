import { createHash } from 'node:crypto'
import { accessSync, constants, mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { getuid } from 'node:process'
import { type Account, accountOwning, canEnter, unprivilegedAccount } from './account.ts'
import { checkVersion, giveTo, hasCluster } from './cluster.ts'
import { EmbeddedError } from './embedded-error.ts'
import { clusterPath, decideState, readState, type State, statePath } from './state.ts'

/** Where the database files are, and the user that runs PostgreSQL on them (null: our own user). */
export type Place = { cluster: string; account: Account | null; state: State }
type Options = { dataDir: string; systemDir: string; log: (message: string) => void }

export const isRoot = (): boolean => getuid?.() === 0

/** The real path of the data directory, which is made if it is missing. Root's can be passed by others, but not listed: PostgreSQL's user must get through. */
export const prepareFolder = (dataDir: string): string => {
  try {
    mkdirSync(dataDir, { recursive: true, mode: isRoot() ? 0o711 : 0o700 })
    accessSync(dataDir, constants.W_OK | constants.X_OK)
    return realpathSync(dataDir)
  } catch (cause) {
    throw new EmbeddedError(
      `The data directory ${dataDir} cannot be written (${(cause as Error).message}): choose another with SPARK_DATA_DIR.`,
      { cause },
    )
  }
}

/** Where new database files go: below the data directory, unless the user that must run PostgreSQL cannot enter it. */
const newPlace = (account: Account | null, { dataDir, systemDir, log }: Options): string => {
  if (!account || canEnter(account, dataDir)) return 'postgres'
  const reason = `user ${account.name}, who runs PostgreSQL because root may not, cannot enter ${dataDir}`
  const elsewhere = join(systemDir, createHash('sha256').update(dataDir).digest('hex').slice(0, 12))
  try {
    mkdirSync(elsewhere, { recursive: true, mode: 0o755 })
  } catch (cause) {
    throw new EmbeddedError(
      `The database has no place: ${reason}, and ${elsewhere} cannot be made (${(cause as Error).message}).`,
      { cause },
    )
  }
  if (!canEnter(account, elsewhere)) {
    throw new EmbeddedError(
      `The database has no place: ${reason}, nor ${elsewhere}; choose a SPARK_DATA_DIR that this user can enter.`,
    )
  }
  log(`The database is kept in ${join(elsewhere, 'postgres')}: ${reason}`)
  return join(elsewhere, 'postgres')
}

/** The user that runs PostgreSQL on existing files: their owner. */
const ownerOf = (cluster: string): Account | null => {
  const owner = accountOwning(cluster)
  if (!isRoot()) {
    if (owner?.uid === getuid?.()) return null
    throw new EmbeddedError(
      `The database in ${cluster} belongs to user ${owner?.name ?? 'root'}: start Spark as the user who made it, or as root.`,
    )
  }
  const account = owner ?? unprivilegedAccount()
  if (!owner) giveTo(account, cluster)
  if (!canEnter(account, cluster)) {
    throw new EmbeddedError(
      `User ${account.name}, who owns the database, cannot enter ${cluster}: let this user pass through the folders above it.`,
    )
  }
  return account
}

export const findPlace = (options: Options): Place => {
  const { dataDir } = options
  const known = readState(dataDir)
  if (!known && hasCluster(join(dataDir, 'postgres'))) {
    throw new EmbeddedError(
      `${statePath(dataDir)}, which holds the password of the database beside it, is missing: restore it from a backup.`,
    )
  }
  const newcomer = () => (isRoot() ? unprivilegedAccount() : null)
  const state = known ?? decideState(dataDir, newPlace(newcomer(), options))
  const cluster = clusterPath(dataDir, state)
  if (hasCluster(cluster)) {
    const account = ownerOf(cluster)
    checkVersion(cluster)
    return { cluster, account, state }
  }
  if (!state.created) return { cluster, account: newcomer(), state }
  throw new EmbeddedError(
    `The database of ${dataDir} should be in ${cluster}, but is not there: bring it back, or remove ${statePath(dataDir)} to begin with an empty one.`,
  )
}
