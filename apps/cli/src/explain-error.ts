import {
  AuthenticationError,
  BadRequestError,
  ConnectionError,
  NotFoundError,
  PermissionError,
  ServerError,
  SparkError,
  TimeoutError,
  UnprocessableError,
} from '@automagik-spark/sdk'
import type { Connection } from './api-connection.ts'
import { CliError, EXIT, sentence } from './errors.ts'

const requestNote = ({ requestId }: SparkError): string =>
  requestId ? ` Spark's log says more under request id ${requestId}.` : ''

/** The command that lists valid ids, chosen by the sentence of a 404. */
const listOf = (detail: string): string => {
  const group = /^(Source|Workflow|Task|Schedule) not found/.exec(detail)?.[1]
  if (group) return ` See: automagik-spark ${group.toLowerCase()}s list`
  return detail.startsWith('Flow ') ? ' See: automagik-spark workflows remote' : ''
}

/** Exit code and message for any error. */
export const explain = (error: unknown, connection: Connection | null): { exitCode: number; message: string } => {
  if (error instanceof CliError) return { exitCode: error.exitCode, message: error.message }
  if (!(error instanceof SparkError))
    return { exitCode: EXIT.failed, message: error instanceof Error ? (error.stack ?? error.message) : String(error) }

  const said = sentence(error.detail)
  const at = connection?.baseUrl ?? 'Spark'
  if (error instanceof AuthenticationError) {
    if (!connection?.apiKey)
      return {
        exitCode: EXIT.notAllowed,
        message: `There is no API key for ${at}. ${connection?.keyHint ?? 'Set SPARK_API_KEY.'}`,
      }
    const fix = connection.keyFrom?.endsWith('_FILE') ? 'correct that file' : 'set SPARK_API_KEY'
    return {
      exitCode: EXIT.notAllowed,
      message: `${said} ${at} does not accept the key from ${connection.keyFrom}; ${fix}.`,
    }
  }
  if (error instanceof PermissionError) return { exitCode: EXIT.notAllowed, message: said }
  if (error instanceof NotFoundError) return { exitCode: EXIT.notFound, message: said + listOf(error.detail) }
  if (error instanceof ConnectionError) {
    const from = connection ? ` (the address is from ${connection.urlFrom})` : ''
    return {
      exitCode: EXIT.unreachable,
      message: `${sentence(error.detail + from)} Start Spark with \`automagik-spark start\`, or set SPARK_API_URL.`,
    }
  }
  if (error instanceof TimeoutError)
    return { exitCode: EXIT.unreachable, message: `${said} Try again, or look at ${at}/health.` }
  if (error instanceof BadRequestError || error instanceof UnprocessableError) {
    // The user can correct named fields. Without them the operation failed, for example because a flow server did not answer.
    const more =
      error.errors.length > 1 ? error.errors.map(({ path, message }) => `\n  ${path}: ${message}`).join('') : ''
    return {
      exitCode: error.errors.length > 0 || error.status === null ? EXIT.usage : EXIT.failed,
      message: said + more,
    }
  }
  if (error instanceof ServerError) return { exitCode: EXIT.failed, message: said + requestNote(error) }
  return { exitCode: EXIT.failed, message: said + requestNote(error) }
}
