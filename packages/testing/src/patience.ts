import { readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'

/** More would only make a test that hangs look like one that is slow. */
const MOST = 20

/** What wants a core at this moment: the load average follows it by a minute. Only Linux tells. */
const runnable = (): number => {
  try {
    return Number.parseInt(readFileSync('/proc/loadavg', 'utf8').split(' ')[3] ?? '', 10) || 0
  } catch {
    return 0
  }
}

/** How many times as long everything takes while `load` processes share `cores`. Never less than 1: an idle machine waits as long as the test says. */
export const patienceAt = (load: number, cores: number): number =>
  Math.min(MOST, Math.max(1, Math.round((load / cores) * 10) / 10))

/** What `SPARK_TEST_PATIENCE` asks for: the least. */
const atLeast = (given: string | undefined): number => {
  if (given === undefined || given.trim() === '') return 1
  const number = Number(given)
  if (!(number >= 1 && number <= 1000))
    throw new Error(
      `SPARK_TEST_PATIENCE: "${given}" must be a number from 1 to 1000, such as 3: by how much tests wait longer`,
    )
  return number
}

/** By how much tests wait longer than they say: as much as this machine is overloaded just now, and never less than `SPARK_TEST_PATIENCE`. */
export const patience = (): number =>
  Math.max(
    atLeast(process.env.SPARK_TEST_PATIENCE),
    patienceAt(Math.max(loadavg()[0] ?? 0, runnable()), availableParallelism()),
  )

/** A deadline for this machine as busy as it is. Only for limits whose end fails a test; never for what a test measures. */
export const patient = (ms: number): number => Math.ceil(ms * patience())

/** Waits for a condition, and says what was seen last when it does not come. The deadline grows with the load while it waits. */
export const until = async <T>(
  look: () => PromiseLike<T> | T,
  holds: (value: T) => boolean,
  ms = 20_000,
): Promise<T> => {
  const start = performance.now()
  for (;;) {
    const value = await look()
    if (holds(value)) return value
    const waitedMs = performance.now() - start
    if (waitedMs > ms && waitedMs > patient(ms))
      throw new Error(`waited ${Math.round(waitedMs)} ms in vain; last seen: ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
