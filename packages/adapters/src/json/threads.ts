import { type MessagePort, type Transferable, Worker } from 'node:worker_threads'
import { hideInJson } from './hide.ts'
import { type JsonLimits, sizeJson } from './scan.ts'
import { type JsonPiece, splitJson } from './split.ts'

export type JsonJob = { bytes: Uint8Array; limits: JsonLimits; forms: readonly string[] }
/** The checked text and its pieces; or why it cannot be used. */
export type JsonDone =
  | { text: string; pieces: JsonPiece }
  | { past: keyof JsonLimits }
  | { fault: 'is not valid UTF-8' | 'is not valid JSON' }

/** A piece of this size is parsed in a few milliseconds. */
const PIECE_CHARS = 32 * 1024
/** Each has its own heap. */
const MAX_THREADS = 2

type Parts = {
  sizeJson: typeof sizeJson
  splitJson: typeof splitJson
  hideInJson: typeof hideInJson
  pieceChars: number
}

/** The work of a thread. It uses nothing outside itself, since the thread runs its source text. */
// eslint-disable-next-line @typescript-eslint/no-shadow -- a thread gets its text, and has the names of the parameters only
const serve = (port: MessagePort, { sizeJson, splitJson, hideInJson, pieceChars }: Parts): void => {
  const done = ({ bytes, limits, forms }: JsonJob): JsonDone => {
    const size = sizeJson(bytes, limits)
    if (!size.within) return { past: size.past }
    let text: string
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    } catch {
      return { fault: 'is not valid UTF-8' }
    }
    try {
      text = hideInJson(text, forms)
      JSON.parse(text)
    } catch {
      return { fault: 'is not valid JSON' }
    }
    text = text.trim()
    return { text, pieces: splitJson(text, pieceChars) }
  }
  port.on('message', ({ id, job }: { id: number; job: JsonJob }) => port.postMessage({ id, done: done(job) }))
}

/**
 * The program of a thread, made of the source texts of these functions. A separate file would have to lie beside every bundle that includes
 * this package, and Node cannot run TypeScript source.
 */
const PROGRAM = `
const sizeJson = ${sizeJson.toString()}
const splitJson = ${splitJson.toString()}
const hideInJson = ${hideInJson.toString()}
;(${serve.toString()})(require('node:worker_threads').parentPort, { sizeJson, splitJson, hideInJson, pieceChars: ${PIECE_CHARS} })
`

type Waiting = { resolve(done: JsonDone): void; reject(error: Error): void }
type Thread = { worker: Worker; waiting: Map<number, Waiting> }

/** Threads that check large JSON, so that it does not block the event loop. They start when they are needed, and do not keep the process alive. */
export const makeJsonThreads = () => {
  const threads: Thread[] = []
  let id = 0

  const start = (): Thread => {
    const worker = new Worker(PROGRAM, { eval: true, execArgv: [], env: {} })
    const thread: Thread = { worker, waiting: new Map() }
    const end = (error: Error) => {
      const at = threads.indexOf(thread)
      if (at !== -1) threads.splice(at, 1)
      for (const { reject } of thread.waiting.values()) reject(error)
      thread.waiting.clear()
    }
    worker.on('message', ({ id: of, done }: { id: number; done: JsonDone }) => {
      thread.waiting.get(of)?.resolve(done)
      thread.waiting.delete(of)
      if (thread.waiting.size === 0) worker.unref()
    })
    // Most likely out of memory. The next answer gets a new thread.
    worker.on('error', end)
    worker.on('exit', () => end(new Error('the thread that reads JSON has ended')))
    threads.push(thread)
    return thread
  }
  const leastBusy = (): Thread => {
    const [thread] = threads.toSorted((a, b) => a.waiting.size - b.waiting.size)
    return thread && (thread.waiting.size === 0 || threads.length === MAX_THREADS) ? thread : start()
  }

  const send = (job: JsonJob): Promise<JsonDone> =>
    new Promise((resolve, reject) => {
      const { worker, waiting } = leastBusy()
      waiting.set(++id, { resolve, reject })
      worker.ref()
      const { buffer, byteLength } = job.bytes
      worker.postMessage({ id, job }, buffer.byteLength === byteLength ? [buffer as Transferable] : []) // a Buffer in the shared pool is copied
    })

  let busy = 0
  const queue: (() => void)[] = []
  return {
    /**
     * Takes the bytes over from the caller. At most `MAX_THREADS` jobs run at once, `use` included: a running job takes several times its size
     * in memory, a waiting one only its bytes.
     */
    async read<T>(job: JsonJob, use: (done: JsonDone) => Promise<T>): Promise<T> {
      if (busy === MAX_THREADS) await new Promise<void>((resolve) => queue.push(resolve))
      else busy++
      try {
        return await use(await send(job))
      } finally {
        const next = queue.shift()
        if (next) next()
        else busy--
      }
    },
    async close(): Promise<void> {
      await Promise.all(threads.splice(0).map(({ worker }) => worker.terminate()))
    },
  }
}
export type JsonThreads = ReturnType<typeof makeJsonThreads>
