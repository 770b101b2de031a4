import { readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'

/** With a larger factor a test that hangs would look like a slow one. */
const MOST = 20

/** Processes that want a core right now, on Linux alone; the load average follows a minute later. */
const runnable = (): number => {
  try {
    return Number.parseInt(readFileSync('/proc/loadavg', 'utf8').split(' ')[3] ?? '', 10) || 0
  } catch {
    return 0
  }
}

/** By how much longer everything takes while `load` processes share `cores`; at least 1. */
export const patienceAt = (load: number, cores: number): number =>
  Math.min(MOST, Math.max(1, Math.round((load / cores) * 10) / 10))

/** The least factor, from `SPARK_TEST_PATIENCE`. */
const atLeast = (given: string | undefined): number => {
  if (given === undefined || given.trim() === '') return 1
  const number = Number(given)
  if (!(number >= 1 && number <= 1000))
    throw new Error(
      `SPARK_TEST_PATIENCE: "${given}" must be a number from 1 to 1000, such as 3: by how much tests wait longer`,
    )
  return number
}

/** The factor for deadlines of tests: how overloaded this machine is right now, and at least `SPARK_TEST_PATIENCE`. */
export const patience = (): number =>
  Math.max(
    atLeast(process.env.SPARK_TEST_PATIENCE),
    patienceAt(Math.max(loadavg()[0] ?? 0, runnable()), availableParallelism()),
  )

/** A deadline that fits the present load. Only for limits that fail a test, never for what a test measures. */
export const patient = (ms: number): number => Math.ceil(ms * patience())

/** Waits for a condition; its error shows the last value. The deadline grows with the load during the wait. */
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
