export const EXIT = {
  fine: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  unreachable: 5,
  interrupted: 130,
} as const

/** An expected failure: one sentence and an exit code. */
export class CliError extends Error {
  readonly exitCode: number

  constructor(message: string, { exitCode = EXIT.failed, cause }: { exitCode?: number; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'CliError'
    this.exitCode = exitCode
  }
}

export const usage = (message: string): CliError => new CliError(message, { exitCode: EXIT.usage })

export const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`)
