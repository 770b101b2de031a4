import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { pid } from 'node:process'
import { EmbeddedError } from './embedded-error.ts'

/** What all processes on one data directory must agree on; a file there, with mode 0600. */
export type State = {
  /** Where the database files are: relative to the data directory, so that it can be moved; absolute if they had to go elsewhere. */
  cluster: string
  password: string
  port: number | null
  /** True once the files exist: if they are missing later, that is an error, and no empty database is made. */
  created: boolean
}

export const statePath = (dataDir: string): string => join(dataDir, 'postgres.json')
export const clusterPath = (dataDir: string, { cluster }: State): string =>
  isAbsolute(cluster) ? cluster : join(dataDir, cluster)

/** Whether a Spark keeps its database here, or has begun to make it. */
export const hasDatabase = (dataDir: string): boolean => readState(dataDir) !== null

const isState = (value: unknown): value is State => {
  if (typeof value !== 'object' || value === null) return false
  const { cluster, password, port, created } = value as Record<string, unknown> // an object, as the line above has checked
  return (
    typeof cluster === 'string' &&
    typeof password === 'string' &&
    (port === null || typeof port === 'number') &&
    typeof created === 'boolean'
  )
}

export const readState = (dataDir: string): State | null => {
  const path = statePath(dataDir)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new EmbeddedError(`${path} cannot be read (${(cause as Error).message}).`, { cause })
  }
  try {
    const value: unknown = JSON.parse(text)
    if (isState(value)) return value
  } catch {
    // explained below
  }
  throw new EmbeddedError(
    `${path} is damaged: restore it from a backup; it holds the password of the database beside it.`,
  )
}

const write = (dataDir: string, state: State): string => {
  const path = `${statePath(dataDir)}.${pid}-${randomBytes(4).toString('hex')}`
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, `${JSON.stringify(state, null, 2)}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return path
}

/** The first of several processes decides the state, and the others get what it decided. */
export const decideState = (dataDir: string, cluster: string): State => {
  const mine: State = { cluster, password: randomBytes(24).toString('base64url'), port: null, created: false }
  const path = write(dataDir, mine)
  try {
    linkSync(path, statePath(dataDir))
    return mine
  } catch (error) {
    const theirs = readState(dataDir)
    if (!theirs) throw error
    return theirs
  } finally {
    rmSync(path)
  }
}

export const saveState = (dataDir: string, state: State): void => renameSync(write(dataDir, state), statePath(dataDir))
