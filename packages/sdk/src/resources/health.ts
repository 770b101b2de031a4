import type { Health, Ready, ServiceInfo } from '../contract-types.ts'
import { dataOf, type RequestOptions, type Send } from '../request.ts'

export const makeHealth = (send: Send) => ({
  /** Health of API, workers, database and scheduler; needs no key. Also answers while Spark is degraded. */
  health: (options?: RequestOptions) =>
    dataOf(send<Health>({ method: 'get', path: ['health'], root: true, ...options })),
  /** Whether Spark can serve requests now; needs no key. A 503 is an answer with a `reason`, not an error. */
  ready: (options?: RequestOptions) =>
    dataOf(send<Ready>({ method: 'get', path: ['ready'], root: true, alsoStatus: [503], ...options })),
  /** Version, server time and addresses of the API documentation. */
  info: (options?: RequestOptions) => dataOf(send<ServiceInfo>({ method: 'get', path: [], root: true, ...options })),
})
