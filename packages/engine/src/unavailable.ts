// Of the system: nobody listens, or the connection broke. Of PostgreSQL: it shuts down, starts up, or has no place left. Of Prisma: the same.
const CODES = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|57P0[1-3]|08...|53300|P1001|P1002|P1008|P1017)$/
const TEXTS = /Connection terminated|timeout exceeded when trying to connect|Cannot use a pool after calling end/

/** Whether a failure only says that PostgreSQL cannot be reached right now. */
export const isDatabaseAway = (error: unknown): boolean => {
  for (let one = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth++) {
    if ('code' in one && typeof one.code === 'string' && CODES.test(one.code)) return true
    if (TEXTS.test(one.message)) return true
    if (one instanceof AggregateError && one.errors.some(isDatabaseAway)) return true
  }
  return false
}
