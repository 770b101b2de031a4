import { spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { pid } from 'node:process'
import { EmbeddedError } from './embedded-error.ts'
import { isAlive } from './postmaster.ts'

let handles = 0

/**
 * Who needs the server, counted by the kernel: every process that uses it keeps the writing end of a named pipe open, and the
 * server's supervisor reads it. The supervisor sees the end of the file when the last of them is gone, by whatever death, and opening the
 * writing end fails when there is no supervisor. So there are no lock files to go stale and no pids to be reused.
 */
export const makeLease = (dataDir: string) => {
  const pipe = join(dataDir, 'postgres.lease')
  const holders = join(dataDir, 'postgres.holders')

  const openWriter = (): number | null => {
    try {
      const writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
      if (fstatSync(writer).isFIFO()) return writer
      closeSync(writer)
      rmSync(pipe) // what a backup made of it
      return null
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENXIO' || code === 'ENOENT') return null
      throw new EmbeddedError(`${pipe} cannot be opened (${(error as Error).message}).`, { cause: error })
    }
  }

  return {
    /** A share of a server that is there, to be closed; null when there is none. */
    hold: openWriter,

    isServed(): boolean {
      const writer = openWriter()
      if (writer !== null) closeSync(writer)
      return writer !== null
    },

    /** Both ends for a new supervisor: it gets `serve`, and `hold` stays here. */
    offer(): { hold: number; serve: number } {
      if (!existsSync(pipe)) {
        const { status, stderr, error } = spawnSync('mkfifo', ['-m', '600', pipe], { encoding: 'utf8' })
        if (status !== 0 && !existsSync(pipe)) {
          throw new EmbeddedError(
            `No named pipe can be made in ${dataDir} (${error?.message ?? stderr.trim()}): put SPARK_DATA_DIR on a local disk, or set DATABASE_URL.`,
          )
        }
      }
      // Opened for both, so that neither of the next two waits for the other end.
      const both = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
      try {
        return { hold: openSync(pipe, constants.O_WRONLY), serve: openSync(pipe, constants.O_RDONLY) }
      } finally {
        closeSync(both)
      }
    },

    /**
     * A visible name beside the share, only so that whoever leaves knows whether to wait for the server's end. A wrong entry (a
     * reused pid) costs that wait and nothing else.
     */
    register(): { remove: () => void; isLast: () => boolean } {
      const name = `${pid}-${(handles += 1)}`
      mkdirSync(holders, { recursive: true, mode: 0o700 })
      writeFileSync(join(holders, name), '')
      return {
        remove: () => rmSync(join(holders, name), { force: true }),
        isLast() {
          let others = 0
          for (const entry of existsSync(holders) ? readdirSync(holders) : []) {
            if (entry === name) continue
            if (isAlive(Number.parseInt(entry, 10))) others += 1
            else rmSync(join(holders, entry), { force: true })
          }
          return others === 0
        },
      }
    },
  }
}
