/** What the command line has of the process. */
export type Io = {
  env: Record<string, string | undefined>
  cwd: string
  stdin: AsyncIterable<string | Uint8Array> & { isTTY?: boolean | undefined }
  stdout: Output
  stderr: Output
  /** IANA name, for the times in tables. */
  timeZone: string
  /** Asks on the terminal. */
  ask: (question: string) => Promise<string>
  /** Aborted by Ctrl-C; from the first use on, Ctrl-C does only that. */
  interrupted: () => AbortSignal
}

type Output = { write: (text: string) => unknown; isTTY?: boolean | undefined; columns?: number | undefined }

export const readAll = async (stdin: Io['stdin']): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of stdin) text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
}
