/** What the commands use of their process; tests replace it. */
export type Io = {
  env: Record<string, string | undefined>
  cwd: string
  stdin: AsyncIterable<string | Uint8Array> & { isTTY?: boolean | undefined }
  stdout: OutputStream
  stderr: OutputStream
  /** IANA name; times in tables are shown in this zone. */
  timeZone: string
  /** Asks a question on the terminal. */
  ask: (question: string) => Promise<string>
  /** Aborted by Ctrl-C. After the first call, Ctrl-C no longer ends the process by itself. */
  interrupted: () => AbortSignal
}

type OutputStream = { write: (text: string) => unknown; isTTY?: boolean | undefined; columns?: number | undefined }

export const readAll = async (stdin: Io['stdin']): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of stdin) text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
}
