import type { Clock } from '@automagik-spark/core'
import { getHealth, getReady, getServiceInfo } from '@automagik-spark/core'
import type { ApiEngine } from '../engine-port.ts'
import { docsPaths } from '../http/docs.ts'
import { handle, reply } from '../http/handle.ts'

type Deps = Pick<ApiEngine, 'service'> & { version: string; clock: Clock; isStopping(): boolean }

export const serviceRoutes = ({ service, version, clock, isStopping }: Deps) => [
  handle(getHealth, () => {
    const health = service.health()
    if (!isStopping()) return health
    return { ...health, services: { ...health.services, api: { ...health.services.api, status: 'stopping' as const } } }
  }),
  handle(getReady, () => {
    const ready = service.ready()
    return reply(ready, { status: ready.status === 'ready' ? 200 : 503 })
  }),
  handle(getServiceInfo, ({ prefix }) => ({
    status: 'online' as const,
    service: 'Spark API' as const,
    message: 'Spark runs your flows when they are due',
    version,
    server_time: clock.now(),
    docs_url: `${prefix}${docsPaths.swagger}`,
    redoc_url: `${prefix}${docsPaths.redoc}`,
    openapi_url: `${prefix}${docsPaths.openapi}`,
  })),
]
