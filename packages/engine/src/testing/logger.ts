import type { Logger } from '../logger.ts'

/** Loses every line. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
}

/** Keeps each line with its level. */
export const makeListLogger = (lines: { level: string; msg: string }[]): Logger => {
  const keep = (level: string) => (_fields: object, msg: string) => void lines.push({ level, msg })
  const logger: Logger = {
    debug: keep('debug'),
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    child: () => logger,
  }
  return logger
}
