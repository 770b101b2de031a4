import type { Socket } from 'node:net'
import { type buildConnector, Client, type Dispatcher } from 'undici'

/** Tells a call which connection carried it. */
export type ConnectionUse = {
  /** Null until the request is about to be written. */
  connection: Connection | null
}

/** One connection at a time to one origin, which can be closed after a response; undici decides that by the request alone. */
export class Connection extends Client {
  /** The open connection, and how many calls it has carried. */
  readonly #current: { socket: Socket | null; calls: number }

  constructor(origin: URL, { connect, ...options }: Client.Options & { connect: buildConnector.connector }) {
    const current: { socket: Socket | null; calls: number } = { socket: null, calls: 0 }
    super(origin, {
      ...options,
      connect: (target, callback) =>
        connect(target, (...result) => {
          current.socket = result[1]
          current.calls = 0
          callback(...result)
        }),
    })
    this.#current = current
  }

  override dispatch(
    call: Dispatcher.DispatchOptions & { opaque?: ConnectionUse },
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    if (call.opaque) call.opaque.connection = this
    return super.dispatch(call, handler)
  }

  /** Counts a call. True: the connection had carried another one before. */
  countCall(): boolean {
    return this.#current.calls++ > 0
  }

  /** The next call gets a new connection. */
  closeSocket(): void {
    this.#current.socket?.destroy()
  }
}

/**
 * Whether the server may close the connection after this response without notice. uvicorn does so some milliseconds after the 500 of an
 * unhandled exception, and a call written meanwhile is lost. A server that refuses a body may not have read it to its end.
 */
export const mayCloseAfter = (method: string, status: number): boolean =>
  status >= 500 || status === 408 || (status >= 400 && method !== 'GET')
