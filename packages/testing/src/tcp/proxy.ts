import { placeOf, startRelay } from './relay.ts'

/** A way to a server that can be shut, as if the server were restarted, and frozen. */
export const startTcpProxy = async (serverUrl: string) => {
  const { freeze, open, shut, through } = await startRelay(placeOf(serverUrl))
  return { url: through(serverUrl), freeze, open, shut }
}
export type TcpProxy = Awaited<ReturnType<typeof startTcpProxy>>
