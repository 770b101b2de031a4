import { startDiscovery, startEngine, VERSION } from '@automagik-spark/engine'
import type { Foundation } from '@automagik-spark/engine'
import { makeApi } from './api.ts'

/** The API on what `boot` opened, listening. */
export const startApi = async (foundation: Foundation): Promise<{ url: string; look: () => Promise<void>; close: () => Promise<void> }> => {
  const { config, api_key, logger, clock } = foundation
  if (api_key === null) throw new Error('loadConfig lets no API without a key through')
  const engine = await startEngine({ ...foundation, version: VERSION })
  const api = makeApi({ engine, config: { apiKey: api_key, corsOrigins: config.cors_origins, version: VERSION }, logger, clock })
  try {
    const { url } = await api.listen({ host: config.api_host, port: config.api_port })
    // Now that its own port is taken: nothing waits for it.
    const discovery = startDiscovery(foundation)
    return {
      url,
      /** Sees at once what changed around it, such as a worker that has just started. */
      look: engine.service.look,
      async close() {
        engine.service.shutDown()
        await discovery.close()
        await api.close()
        await engine.close()
      },
    }
  } catch (error) {
    await engine.close()
    throw error
  }
}
