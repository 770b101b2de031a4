import type { LookupAddress, LookupAllOptions } from 'node:dns'
import { networkInterfaces } from 'node:os'
import { isLoopback } from './address-policy.ts'
import { parseIp } from './ip.ts'

/** Where Spark's own database or API listens; `0.0.0.0` and `::` mean every address of this machine. */
export type OwnService = { host: string; port: number }

/** `dns.lookup` with `all: true`. */
export type Lookup = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/** Spark's own stores and API. A source that pointed there would let its runs bypass their access checks. */
export const makeOwnServices = (services: OwnService[], lookup: Lookup) => {
  const addressesOf = (host: string): Promise<string[]> =>
    new Promise((resolve) => {
      if (parseIp(host)) resolve([host])
      else lookup(host, { all: true }, (error, found) => resolve(error ? [] : found.map(({ address }) => address)))
    })

  return {
    async includes(address: string, port: number): Promise<boolean> {
      for (const service of services) {
        if (service.port !== port) continue
        for (const own of await addressesOf(service.host.replace(/^\[(.*)\]$/, '$1'))) {
          if (same(own, address) || (isThisMachine(own) && isThisMachine(address))) return true
        }
      }
      return false
    },
  }
}

const same = (a: string, b: string): boolean => {
  const [x, y] = [parseIp(a), parseIp(b)]
  return x !== null && y !== null && x.address === y.address
}

const isThisMachine = (address: string): boolean =>
  ['0.0.0.0', '::'].includes(parseIp(address)?.address ?? '') ||
  isLoopback(address) ||
  Object.values(networkInterfaces()).some((list) => list?.some((entry) => same(entry.address, address)))
