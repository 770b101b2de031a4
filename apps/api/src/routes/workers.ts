import { listWorkers } from '@automagik-spark/core'
import type { ApiEngine } from '../engine-port.ts'
import { handle } from '../http/handle.ts'

export const workerRoutes = ({ workers }: Pick<ApiEngine, 'workers'>) => [
  handle(listWorkers, ({ query }) => workers.list(query)),
]
