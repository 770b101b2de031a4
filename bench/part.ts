import type { Options } from './options.ts'
import type { Setup, Surroundings } from './surroundings.ts'

export type Bench = {
  options: Options
  signal: AbortSignal
  progress: (line: string) => void
  /** A Spark of its own with all that belongs to it, as long as `work` takes: what one part leaves behind is nothing to the next. */
  open: <T>(setup: Setup, work: (surroundings: Surroundings) => Promise<T>) => Promise<T>
}

/** A figure that Spark has set itself, beside what was measured. */
export type Target = { what: string; target: string; measured: string; reached: boolean }

/** `result` is for the JSON line, `text` for people. */
export type Measurement = { result: unknown; text: string; targets: Target[] }

export type Part = {
  /** As `--only` and the JSON line have it. */
  name: string
  measure: (bench: Bench) => Promise<Measurement>
}
