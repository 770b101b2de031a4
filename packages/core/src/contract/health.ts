import { z } from 'zod'
import { Timestamp } from './common.ts'
import { endpoint } from './endpoint.ts'

export const Health = z
  .object({
    status: z.enum(['healthy', 'degraded']),
    reasons: z.array(z.string()).describe('Why it is degraded, a sentence each; empty when it is healthy'),
    timestamp: Timestamp,
    services: z.object({
      api: z.object({ status: z.enum(['healthy', 'stopping']), version: z.string() }),
      worker: z.object({ status: z.enum(['healthy', 'down']), active_workers: z.int() }),
      database: z.object({ status: z.enum(['healthy', 'down']) }),
      scheduler: z.object({ status: z.enum(['healthy', 'down']), backend: z.enum(['mongodb', 'postgres']) }),
    }),
  })
  .meta({ id: 'Health' })
export type Health = z.output<typeof Health>

export const Ready = z
  .object({ status: z.enum(['ready', 'not ready']), reason: z.string().nullable() })
  .meta({ id: 'Ready' })
export type Ready = z.output<typeof Ready>

export const ServiceInfo = z
  .object({
    status: z.literal('online'),
    service: z.literal('Spark API'),
    message: z.string(),
    version: z.string(),
    server_time: Timestamp,
    docs_url: z.string(),
    redoc_url: z.string(),
    openapi_url: z.string(),
  })
  .meta({ id: 'ServiceInfo' })
export type ServiceInfo = z.output<typeof ServiceInfo>

export const getHealth = endpoint({
  id: 'health',
  tag: 'Service',
  method: 'get',
  path: '/health',
  root: true,
  open: true,
  summary: 'The health of the service, from what the process knows already',
  status: 200,
  response: Health,
})
export const getReady = endpoint({
  id: 'ready',
  tag: 'Service',
  method: 'get',
  path: '/ready',
  root: true,
  open: true,
  summary: 'Whether the service can take requests: 200 or 503',
  status: 200,
  alsoStatus: [503],
  response: Ready,
})
export const getServiceInfo = endpoint({
  id: 'service_info',
  tag: 'Service',
  method: 'get',
  path: '/',
  root: true,
  summary: 'What this service is and where its documentation is',
  status: 200,
  response: ServiceInfo,
})
