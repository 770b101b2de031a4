type Log = (fields: Record<string, unknown>, message: string) => void

/** What of a logger the use cases need: fields first, then a constant message. pino's loggers are such. */
export type Logger = {
  debug: Log
  info: Log
  warn: Log
  error: Log
  /** One that adds these fields to each line. */
  child(fields: Record<string, unknown>): Logger
}
