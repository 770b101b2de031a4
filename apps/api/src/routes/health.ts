import type { Clock } from '@automagik-spark/core'
import { getHealth, getReady, getServiceInfo } from '@automagik-spark/core'
import type { ApiEngine } from '../engine-port.ts'
import { docsPaths } from '../http/docs.ts'
import { handle, reply } from '../http/handle.ts'

type Deps = Pick<ApiEngine, 'health'> & { version: string; clock: Clock; isStopping(): boolean }

export const healthRoutes = ({ health, version, clock, isStopping }: Deps) => [
  handle(getHealth, () => {
    const report = health.report()
    if (!isStopping()) return report
    return { ...report, services: { ...report.services, api: { ...report.services.api, status: 'stopping' as const } } }
  }),
  handle(getReady, () => {
    const ready = health.ready()
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
