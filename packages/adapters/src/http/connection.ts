import type { Socket } from 'node:net'
import { type buildConnector, Client, type Dispatcher } from 'undici'

/** Which connection a call went over, for the call's own eyes. */
export type ConnectionUse = {
  /** Null before the request is about to be written. */
  connection: Connection | null
}

/** One connection at a time to one origin. It can be closed after an answer, which undici decides by the request alone. */
export class Connection extends Client {
  readonly #line: { socket: Socket | null; calls: number }

  constructor(origin: URL, { connect, ...options }: Client.Options & { connect: buildConnector.connector }) {
    const line: { socket: Socket | null; calls: number } = { socket: null, calls: 0 }
    super(origin, {
      ...options,
      connect: (target, callback) =>
        connect(target, (...result) => {
          line.socket = result[1]
          line.calls = 0
          callback(...result)
        }),
    })
    this.#line = line
  }

  override dispatch(
    call: Dispatcher.DispatchOptions & { opaque?: ConnectionUse },
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    if (call.opaque) call.opaque.connection = this
    return super.dispatch(call, handler)
  }

  /** Whether the connection had carried a call before this one. */
  countCall(): boolean {
    return this.#line.calls++ > 0
  }

  /** The next call gets a connection of its own. */
  closeSocket(): void {
    this.#line.socket?.destroy()
  }
}

/**
 * Whether the server may close the connection after this answer without saying so. uvicorn does some milliseconds after the 500 of an unhandled
 * exception, and a call that is written meanwhile is lost; a server that refuses a body may not have read it to its end.
 */
export const mayCloseAfter = (method: string, status: number): boolean =>
  status >= 500 || status === 408 || (status >= 400 && method !== 'GET')
