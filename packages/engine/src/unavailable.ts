// The system's codes for no listener or a broken connection; PostgreSQL's for shutdown, start-up and too many connections; Prisma's for the same.
const CODES =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|57P0[1-5]|08...|53300|P1001|P1002|P1008|P1017)$/
const TEXTS =
  /Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Cannot use a pool after calling end/

/** An error with its causes, the errors of an AggregateError, and the driver's error that Prisma keeps. */
const chainOf = (error: unknown, depth = 0): Error[] => {
  if (!(error instanceof Error) || depth > 5) return []
  const { meta } = error as { meta?: { driverAdapterError?: unknown } } // Prisma's; undefined on any other
  const inside = [
    error.cause,
    meta?.driverAdapterError,
    ...(error instanceof AggregateError ? (error.errors as unknown[]) : []),
  ]
  return [error, ...inside.flatMap((one) => chainOf(one, depth + 1))]
}

/** All codes of an error: SQLSTATE, the system's, Prisma's. Prisma keeps the SQLSTATE as `cause.code` of a plain object. */
const codesOf = (error: unknown): string[] =>
  chainOf(error).flatMap((one) => {
    const plain = one.cause as { code?: unknown; originalCode?: unknown } | undefined
    return [(one as { code?: unknown }).code, plain?.originalCode, plain?.code].filter(
      (code) => typeof code === 'string',
    )
  })

/** Whether the failure means only that PostgreSQL cannot be reached now. */
export const isDatabaseAway = (error: unknown): boolean =>
  codesOf(error).some((code) => CODES.test(code)) ||
  chainOf(error).some((one) => TEXTS.test(one.message) || ('syscall' in one && one.syscall === 'connect')) // such as a missing socket file

/** By SQLSTATE or its class: why PostgreSQL refuses a correct statement, and what helps. PostgreSQL's own words may hold data, so they are not used. */
const REASONS: [code: RegExp, reason: string][] = [
  [/^53100$/, "PostgreSQL's disk is full: make room on it, then try again"],
  [/^53200$/, 'PostgreSQL is out of memory; try again in a moment'],
  [
    /^53300$/,
    'PostgreSQL takes no more connections: raise its max_connections, or run fewer processes; try again in a moment',
  ],
  [/^53/, 'PostgreSQL has reached a limit of its configuration: its log says which'],
  [/^25006$/, 'This PostgreSQL only reads: DATABASE_URL must lead to the primary, not to a standby'],
  [/^57014$/, 'PostgreSQL did not finish in time; try again in a moment'],
  [/^55P03$/, 'Somebody else holds the rows locked; try again in a moment'],
  [/^40(001|P01)$/, 'Others changed the same rows at the same time; try again in a moment'],
  [/^(58|XX)/, 'PostgreSQL reports a failure of its own: its log says more'],
  [/^28P01$/, 'PostgreSQL refuses the password in DATABASE_URL'],
  [/^28/, 'PostgreSQL refuses the user in DATABASE_URL, or connections from here'],
  [/^3D000$/, 'The database that DATABASE_URL names does not exist'],
  [
    /^42501$/,
    'PostgreSQL does not allow this to the role in DATABASE_URL: docs/operations.md has the GRANTs that it needs',
  ],
]

/** Why PostgreSQL cannot do it, as a sentence for the caller. Null: the failure is not PostgreSQL's. */
export const whyUnavailable = (error: unknown): string | null => {
  const codes = codesOf(error)
  const known = REASONS.find(([pattern]) => codes.some((code) => /^[0-9A-Z]{5}$/.test(code) && pattern.test(code)))
  if (known) return known[1]
  return isDatabaseAway(error) ? 'The database does not answer; try again in a moment' : null
}

/** PostgreSQL does not understand a statement or lacks what it names: a bug of Spark or another program's database, not an outage. */
export const isOurBug = (error: unknown): boolean =>
  codesOf(error).some((code) => /^42[0-9A-Z]{3}$/.test(code) && code !== '42501')

/** A short name by which failures are told apart. */
export const kindOf = (error: unknown): string =>
  codesOf(error)[0] ?? (error instanceof Error ? error.name : typeof error)

/** Whether the failure means that PostgreSQL can read but not write. */
export const cannotStore = (error: unknown): boolean =>
  codesOf(error).some((code) => /^(53[0-9A-Z]{3}|58[0-9A-Z]{3}|XX[0-9A-Z]{3}|25006)$/.test(code))
