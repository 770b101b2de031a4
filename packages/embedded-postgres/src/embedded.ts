import { closeSync } from 'node:fs'
import { join as joinPath, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findBinaries } from './binaries.ts'
import { createCluster, explain, hasCluster } from './cluster.ts'
import { EmbeddedError } from './embedded-error.ts'
import { findPlace, isRoot, prepareFolder } from './place.ts'
import { clearOrphan, isAlive, type Postmaster, readPostmaster, untilStopped } from './postmaster.ts'
import { answers, freePort, launch, type Server, trimLog, urlOf } from './server.ts'
import { saveState, statePath } from './state.ts'
import { makeUsers } from './users.ts'

export type EmbeddedOptions = {
  dataDir: string
  log?: (message: string) => void
  /** The port to use if it is free; without it, the port of last time. */
  port?: number
  /** Settings of PostgreSQL, instead of ours: tests switch fsync off. */
  settings?: Record<string, string>
  /** For root only: the folder for files that PostgreSQL's user cannot reach below dataDir or node_modules. */
  systemDir?: string
}

export type Embedded = {
  url: string
  /** Whether another process had started the server already. */
  joined: boolean
  dataDir: string
  /** Stops using the server; the last user waits until it has stopped. */
  close: () => Promise<void>
}

const READY_MS = 300_000
const POLL_MS = 5
const TRIM_MS = 3_600_000
const RETRY_MS = 20_000
const RETRY_PAUSE_MS = 50

/** A sentence for an error of the operating system; any other error is a bug, and is thrown as it is. */
const translate = (error: unknown, dataDir: string): unknown => {
  if (error instanceof EmbeddedError) return error
  const { code, message } = error as NodeJS.ErrnoException // only read when it has these
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new EmbeddedError(`There is no space left on the disk of ${dataDir}.`, { cause: error })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new EmbeddedError(`The data directory ${dataDir} cannot be used (${message}).`, { cause: error })
  if (code === '28P01' || code === '28000') {
    return new EmbeddedError(
      `The password in ${statePath(dataDir)} does not open the database beside it: both must come from the same backup.`,
      { cause: error },
    )
  }
  return error
}

/**
 * A real PostgreSQL in the data directory. It starts with the first process that needs it, and stops after the last one has closed it or died; every
 * other process on the same directory joins it.
 */
export const startEmbedded = async (options: EmbeddedOptions): Promise<Embedded> => {
  const dataDir = prepareFolder(resolve(options.dataDir))
  try {
    return await start({ ...options, dataDir })
  } catch (error) {
    throw translate(error, dataDir)
  }
}

const start = async (options: EmbeddedOptions): Promise<Embedded> => {
  const { dataDir, log = () => {}, settings = {}, systemDir = '/var/lib/automagik-spark' } = options
  const { cluster, account, state } = findPlace({ dataDir, systemDir, log })
  const { password } = state
  const { initdb, postgres } = findBinaries({ account, copyTo: isRoot() ? systemDir : dataDir, log })
  if (!hasCluster(cluster))
    await createCluster({ cluster, initdb, account, password, sync: settings['fsync'] !== 'off' })
  if (!state.created) saveState(dataDir, { ...state, created: true })

  const users = makeUsers(dataDir)
  const logFile = joinPath(dataDir, 'postgres.log')
  const entry = users.register()
  const began = performance.now()
  let portTaken = false

  /** Waits for a server that accepts our connection; null when `isOver` says that none will come. */
  const untilReady = async (isOver: () => boolean): Promise<Postmaster | null> => {
    for (let told = false; performance.now() - began < READY_MS; await sleep(POLL_MS)) {
      const found = readPostmaster(cluster)
      if (found?.status === 'ready' && isAlive(found.pid) && (await answers(found.port, password, !state.created)))
        return found
      if (isOver()) return null
      if (!told && performance.now() - began > 5_000) {
        told = true
        log('PostgreSQL is still starting: after a crash it first reads its journal again')
      }
    }
    throw new EmbeddedError(
      `PostgreSQL on ${cluster} was not ready within ${READY_MS / 1000} s: ${logFile} may say why.`,
    )
  }

  const opened = (port: number, writer: number, server: Server | null): Embedded => {
    const trimming = setInterval(() => trimLog(logFile), TRIM_MS)
    trimming.unref()
    let closing: Promise<void> | null = null
    const close = async (): Promise<void> => {
      clearInterval(trimming)
      const pid = readPostmaster(cluster)?.pid
      closeSync(writer)
      entry.remove()
      if (!entry.isLast()) return
      if (pid !== undefined) await untilStopped(cluster, pid)
      await server?.untilExited()
    }
    return { url: urlOf(port, password), joined: server === null, dataDir, close: () => (closing ??= close()) }
  }

  const join = async (writer: number): Promise<Embedded | null> => {
    const found = await untilReady(() => !users.hasSupervisor()).catch((error: unknown) => {
      closeSync(writer)
      throw error
    })
    // Asked again, because the server may have been ending when it accepted our connection.
    if (found && users.hasSupervisor()) return opened(found.port, writer, null)
    closeSync(writer)
    return null
  }

  const lead = async (): Promise<Embedded | null> => {
    await clearOrphan({ cluster, account, hasSupervisor: users.hasSupervisor, log })
    const wanted = options.port ?? state.port
    const port = await freePort(portTaken ? null : wanted)
    const { writer, reader } = users.makePipe()
    const server = launch({ postgres, cluster, account, port, settings, logFile, reader })
    closeSync(reader)
    let output: string | null = null
    void server.ended.then((text) => (output = text))

    const found = await untilReady(() => output !== null).catch(async (error: unknown) => {
      closeSync(writer)
      await server.stop()
      throw error
    })
    if (found && found.pid === server.pid()) {
      server.release()
      if (wanted !== null && wanted !== port) log(`Port ${wanted} is taken: PostgreSQL listens on ${port}`)
      if (state.port !== port) saveState(dataDir, { ...state, port, created: true })
      return opened(port, writer, server)
    }
    closeSync(writer)
    await server.stop()
    if (found) return null // another process was faster
    const text = output ?? ''
    portTaken = /could not bind|Address already in use/i.test(text)
    // The second and third: the children of a killed server take a moment to end.
    const isPassing = portTaken || /lock file .* already exists|shared memory block .* still in use/i.test(text)
    if (!isPassing || performance.now() - began > RETRY_MS) throw new EmbeddedError(explain(text, cluster))
    await sleep(RETRY_PAUSE_MS)
    return null
  }

  try {
    for (;;) {
      const writer = users.join()
      const embedded = writer === null ? await lead() : await join(writer)
      if (embedded) return embedded
    }
  } catch (error) {
    entry.remove()
    throw error
  }
}
