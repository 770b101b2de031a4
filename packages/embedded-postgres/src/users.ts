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
 * The processes that use a server, counted by the kernel: each keeps the writing end of a named pipe open, and the server's supervisor reads from it.
 * The supervisor sees the end of the file when the last process has gone, however it died; and opening the writing end fails when there is no
 * supervisor. So no lock file can be stale, and no reused pid can mislead.
 */
export const makeUsers = (dataDir: string) => {
  const pipe = join(dataDir, 'postgres.lease')
  const holders = join(dataDir, 'postgres.holders')

  const openWriter = (): number | null => {
    try {
      const writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
      if (fstatSync(writer).isFIFO()) return writer
      closeSync(writer)
      rmSync(pipe) // a restored backup has an ordinary file here
      return null
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENXIO' || code === 'ENOENT') return null
      throw new EmbeddedError(`${pipe} cannot be opened (${(error as Error).message}).`, { cause: error })
    }
  }

  return {
    /** Becomes a user of the running server, until the returned file is closed; null when there is no server. */
    join: openWriter,

    hasSupervisor(): boolean {
      const writer = openWriter()
      if (writer !== null) closeSync(writer)
      return writer !== null
    },

    /** Both ends of the pipe for a new supervisor, which gets `reader`; with `writer` this process is its first user. */
    makePipe(): { writer: number; reader: number } {
      if (!existsSync(pipe)) {
        const { status, stderr, error } = spawnSync('mkfifo', ['-m', '600', pipe], { encoding: 'utf8' })
        if (status !== 0 && !existsSync(pipe)) {
          throw new EmbeddedError(
            `No named pipe can be made in ${dataDir} (${error?.message ?? stderr.trim()}): put SPARK_DATA_DIR on a local disk, or set DATABASE_URL.`,
          )
        }
      }
      // Opened for both first, so that neither of the next two waits for the other end.
      const both = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
      try {
        return { writer: openSync(pipe, constants.O_WRONLY), reader: openSync(pipe, constants.O_RDONLY) }
      } finally {
        closeSync(both)
      }
    },

    /**
     * Writes this process into a list of users. It only tells a process that closes whether it is the last one, which waits for the server's end; a wrong
     * entry (a reused pid) costs that wait and nothing else.
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
