import { parseArgs } from 'node:util'

export type StormOptions = {
  seconds: number
  /** Makes the same storm again, as far as the machine is as fast. */
  seed: number
  store: 'mongodb' | 'postgres'
  /** Of the connections between Spark and everything around it, which share meets a fault within each second. */
  faults: number
  workers: number
  leaseSeconds: number
}

export const USAGE = `npm run storm -- [--minutes 30 | --seconds 60] [--seed 1] [--store mongodb|postgres] [--faults 1] [--workers 2] [--lease 5]

  --minutes, --seconds   how long it storms, before the calm in which everything is judged
  --seed                 from which all chance comes; printed, so that a storm can be had again
  --store                where the wake-ups are
  --faults               percent of the connections to PostgreSQL, MongoDB and the flow server that meet a fault within each second
  --lease                seconds after which a dead worker is noticed (30 in the product)`

/** Throws with what is wrong. */
export const parseStorm = (args: string[], randomSeed: number): StormOptions => {
  const { values } = parseArgs({
    args,
    options: Object.fromEntries(
      ['minutes', 'seconds', 'seed', 'store', 'faults', 'workers', 'lease'].map((name) => [
        name,
        { type: 'string' as const },
      ]),
    ),
  })
  const number = (name: string, fallback: number, least: number, most: number): number => {
    const text = values[name]
    if (text === undefined) return fallback
    const value = Number(text)
    if (text.trim() === '' || !(value >= least && value <= most))
      throw new Error(`--${name} takes a number from ${least} to ${most}`)
    return value
  }
  const store = values.store ?? 'mongodb'
  if (store !== 'mongodb' && store !== 'postgres') throw new Error('--store takes mongodb or postgres')
  return {
    seconds: values.minutes === undefined ? number('seconds', 60, 10, 86_400) : number('minutes', 1, 1, 1_440) * 60,
    seed: Math.floor(number('seed', randomSeed, 0, 4_294_967_295)),
    store,
    faults: number('faults', 0, 0, 50) / 100,
    workers: Math.floor(number('workers', 2, 1, 10)),
    leaseSeconds: number('lease', 5, 1, 60),
  }
}
