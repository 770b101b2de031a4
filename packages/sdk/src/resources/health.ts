import type { Health, Ready, ServiceInfo } from '../contract-types.ts'
import { dataOf, type RequestOptions, type Send } from '../request.ts'

export const makeHealth = (send: Send) => ({
  /** How the service is; needs no key. */
  health: (options?: RequestOptions) =>
    dataOf(send<Health>({ method: 'get', path: ['health'], root: true, ...options })),
  /** Whether requests can be served; needs no key. */
  ready: (options?: RequestOptions) =>
    dataOf(send<Ready>({ method: 'get', path: ['ready'], root: true, alsoStatus: [503], ...options })),
  info: (options?: RequestOptions) => dataOf(send<ServiceInfo>({ method: 'get', path: [], root: true, ...options })),
})
