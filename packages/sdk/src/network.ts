const REASONS: Record<string, string> = {
  ECONNREFUSED: 'the connection was refused',
  ConnectionRefused: 'the connection was refused',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be resolved now',
  ECONNRESET: 'the connection was lost',
  EPIPE: 'the connection was lost',
  UND_ERR_SOCKET: 'the connection was lost',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'the host is unreachable',
  ENETUNREACH: 'the network is unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'no connection was made in time',
}
/** Node's own fetch gives up after 300 s without headers or body. */
const PLATFORM_TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])
const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'ConnectionRefused',
])

type Failure = { code: string | null; syscall: string | null; message: string; inner: unknown[] }

const read = (error: unknown): Failure => {
  const value = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown> // each field is checked below
  return {
    code: typeof value.code === 'string' ? value.code : null,
    syscall: typeof value.syscall === 'string' ? value.syscall : null,
    message: typeof value.message === 'string' ? value.message : String(error),
    inner: Array.isArray(value.errors) ? value.errors : value.cause === undefined ? [] : [value.cause],
  }
}

/** The innermost failures: fetch wraps the cause, and a host with two addresses gives one failure for each. */
const rootCauses = (error: unknown, depth = 0): Failure[] => {
  const failure = read(error)
  return failure.inner.length === 0 || depth > 4
    ? [failure]
    : failure.inner.flatMap((one) => rootCauses(one, depth + 1))
}

/** Deno reports this in the message only, without a code. */
const denoDidNotConnect = (message: string): boolean => message.includes('client error (Connect)')

/** Whether no connection was made, so the server cannot have received anything. False in doubt. */
export const surelyNotSent = (error: unknown): boolean =>
  rootCauses(error).every(
    ({ code, syscall, message }) =>
      syscall === 'connect' ||
      syscall === 'getaddrinfo' ||
      (code !== null && NEVER_CONNECTED.has(code)) ||
      denoDidNotConnect(message),
  )

export const isPlatformTimeout = (error: unknown): boolean =>
  rootCauses(error).some(({ code }) => code !== null && PLATFORM_TIMEOUTS.has(code))

/** Why there was no answer, for an error sentence. */
export const reasonOf = (error: unknown): string => {
  const [first] = rootCauses(error)
  if (first && denoDidNotConnect(first.message)) return 'no connection was made'
  return (first?.code && REASONS[first.code]) || first?.message || 'no connection'
}
