import type { Options } from './options.ts'
import type { Setup, Stack } from './stack.ts'

export type Bench = {
  options: Options
  signal: AbortSignal
  progress: (line: string) => void
  /** Starts a Spark and all it needs, and stops them after `work`: no part sees what another one left behind. */
  open: <T>(setup: Setup, work: (stack: Stack) => Promise<T>) => Promise<T>
}

/** A target that Spark has set itself, with the measured figure. */
export type Target = { what: string; target: string; measured: string; reached: boolean }

/** `result` is for the JSON line, `text` for people. */
export type Measurement = { result: unknown; text: string; targets: Target[] }

export type Part = {
  /** Its name in `--only` and in the JSON line. */
  name: string
  measure: (bench: Bench) => Promise<Measurement>
}
