import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'

/** How much is kept for a slow reader. More is dropped: the log must never delay a run. */
const MAX_WAITING_CHARS = 8 * 1024 * 1024
const CHUNK_CHARS = 64 * 1024
const RETRY_MS = 20
/** How long the end of the process waits for a reader. */
const LAST_MS = 1_000

/** The reader is slow: try again. Any other error loses the lines. */
const isForNow = (error: NodeJS.ErrnoException): boolean => error.code === 'EAGAIN' || error.code === 'EBUSY'

/** Opens a pipe again without blocking, so that a stopped reader blocks no thread. Where that fails, the descriptor is used as it is. */
const withoutWaiting = (fd: number): number => {
  try {
    return fstatSync(fd).isFIFO() ? openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK) : fd
  } catch {
    return fd
  }
}

export type LogOutput = ReturnType<typeof makeLogOutput>

/**
 * Writes finished lines to a file descriptor, in the background and in order. A line that cannot be written, as the disk is full or the
 * reader gone, is dropped and counted. `toldAs` makes the line that reports the dropped ones when writing works again.
 */
export const makeLogOutput = (descriptor: number, toldAs: (lost: number) => string) => {
  let opened: number | null = null
  const fd = (): number => (opened ??= withoutWaiting(descriptor))
  let waiting: string[] = []
  let chars = 0
  let lost = 0
  let writing = false
  /** The last line was cut off: the next text begins with a line break. */
  let torn = false
  const idle = new Set<() => void>()

  const next = (): { bytes: Buffer; lines: number; told: number } => {
    let text = ''
    let lines = 0
    while (lines < waiting.length && text.length < CHUNK_CHARS) text += waiting[lines++]!
    waiting = waiting.slice(lines)
    chars -= text.length
    return { bytes: Buffer.from((torn ? '\n' : '') + (lost > 0 ? toldAs(lost) : '') + text), lines, told: lost }
  }
  const failed = (lines: number, done: number) => {
    lost += lines
    torn ||= done > 0
  }
  const succeeded = (told: number) => {
    lost -= told
    torn = false
  }

  const flush = (): void => {
    if (waiting.length === 0) {
      writing = false
      for (const tell of idle) tell()
      return idle.clear()
    }
    writing = true
    const { bytes, lines, told } = next()
    const put = (from: number): void =>
      write(fd(), bytes, from, bytes.length - from, null, (error, done) => {
        if (error && isForNow(error)) return void setTimeout(() => put(from), RETRY_MS).unref()
        if (error) failed(lines, from)
        else if (from + done < bytes.length) return put(from + done)
        else succeeded(told)
        flush()
      })
    put(0)
  }

  return {
    write(line: string): void {
      if (chars + line.length > MAX_WAITING_CHARS) {
        lost++
        return
      }
      waiting.push(line)
      chars += line.length
      if (!writing) flush()
    },
    /** Ends when all is written or dropped, or the reader took too long. */
    drain: (): Promise<void> =>
      new Promise((resolve) => {
        if (!writing) return resolve()
        const timer = setTimeout(resolve, LAST_MS)
        idle.add(() => {
          clearTimeout(timer)
          resolve()
        })
      }),
    /** For the very end of the process, when nothing runs in the background any more. */
    writeLast(): void {
      const until = performance.now() + LAST_MS
      while (waiting.length > 0) {
        const { bytes } = next()
        for (let from = 0; from < bytes.length;) {
          try {
            from += writeSync(fd(), bytes, from)
          } catch (error) {
            if (!isForNow(error as NodeJS.ErrnoException) || performance.now() > until) return // fs throws errors with a code
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
          }
        }
      }
    },
  }
}
