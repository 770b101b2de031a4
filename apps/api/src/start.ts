import { startDiscovery, startEngine } from '@automagik-spark/engine'
import type { Foundation } from '@automagik-spark/runtime'
import { VERSION } from '@automagik-spark/runtime'
import { makeApi } from './api.ts'

/** Starts the API on what `boot` opened. */
export const startApi = async (
  foundation: Foundation,
): Promise<{ url: string; look: () => Promise<void>; leave: () => Promise<void>; close: () => Promise<void> }> => {
  const { config, api_key, logger, clock } = foundation
  if (api_key === null) throw new Error('loadConfig lets no API without a key through')
  const engine = await startEngine({ ...foundation, version: VERSION })
  const api = makeApi({
    engine,
    config: { apiKey: api_key, corsOrigins: config.cors_origins, version: VERSION, publicUrl: config.public_url },
    logger,
    clock,
  })
  try {
    const { url } = await api.listen({ host: config.api_host, port: config.api_port })
    // After its own port is taken. Nothing waits for it.
    const discovery = startDiscovery(foundation)
    let leaving: Promise<void> | undefined
    /** Reports not ready, and goes on serving while load balancers notice. */
    const leave = (): Promise<void> => {
      engine.health.shutDown()
      return (leaving ??= api.leave({ delayMs: config.shutdown_delay_seconds * 1000 }))
    }
    return {
      url,
      /** Checks now, to see for example a worker that has just started. */
      look: engine.health.check,
      leave,
      async close() {
        await leave()
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
