import { certificate } from '../certificate.ts'
import { placeOf, startRelay } from './relay.ts'

/**
 * A way to a Langflow that lets health checks in, and after each ends the next connection, which is that of a run: every check says that the
 * server is up, and it takes no call. It speaks TLS, and ends a connection before the handshake: surely nothing was sent by it.
 */
export const startChecksOnlyProxy = async (targetUrl: string) => {
  let endsNext = false
  let ended = 0
  const relay = await startRelay(placeOf(targetUrl), {
    certificate,
    letsIn(socket) {
      if (!endsNext) return true
      endsNext = false
      ended++
      socket.destroy()
      return false
    },
    serve({ inside, outside }) {
      inside.on('data', (bytes: Buffer) => {
        let text = bytes.toString('latin1')
        if (text.includes('/users/whoami')) {
          endsNext = true
          // Else the run would come by the connection of the check.
          text = text.replace(/connection: keep-alive/i, 'connection: close')
        }
        outside.write(text, 'latin1')
      })
      outside.pipe(inside)
    },
  })
  return {
    url: `https://localhost:${relay.port}`,
    /** How many connections were ended before their handshake. */
    ended: () => ended,
    /** Lets the next connection in: that of a manual run between two checks. */
    letNextIn() {
      endsNext = false
    },
    /** Ends what is connected, and the next connection. */
    endNext() {
      relay.cutAll()
      endsNext = true
    },
    close: relay.shut,
  }
}
