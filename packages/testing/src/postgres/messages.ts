/** A message of PostgreSQL's protocol, with its bytes. The first one of a connection has no type. */
export type Message = { type: string; body: Buffer; bytes: Buffer }

const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104

/** Splits a stream into messages; an incomplete one waits for more bytes. */
export const makeReader = ({ startsWithStartup }: { startsWithStartup: boolean }) => {
  let rest: Buffer = Buffer.alloc(0)
  let isStartup = startsWithStartup
  return (chunk: Buffer): Message[] => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const messages: Message[] = []
    for (;;) {
      const head = isStartup ? 0 : 1
      if (rest.length < head + 4) return messages
      const end = head + rest.readInt32BE(head)
      if (rest.length < end) return messages
      const bytes = rest.subarray(0, end)
      const body = bytes.subarray(head + 4)
      const type = isStartup ? 'startup' : String.fromCharCode(bytes[0]!)
      rest = rest.subarray(end)
      // A request for encryption is answered with one byte, and the startup message follows. The answer here is always no.
      if (type === 'startup' && ![SSL_REQUEST, GSS_REQUEST].includes(body.length >= 4 ? body.readInt32BE(0) : 0))
        isStartup = false
      messages.push({ type, body, bytes })
    }
  }
}

const textTo = (body: Buffer, from: number): { text: string; end: number } => {
  const end = body.indexOf(0, from)
  return { text: body.toString('utf8', from, end < 0 ? body.length : end), end: (end < 0 ? body.length : end) + 1 }
}

/** The parameters of a startup message. */
export const startupParameters = (body: Buffer): Map<string, string> => {
  const found = new Map<string, string>()
  for (let at = 4; at < body.length - 1;) {
    const name = textTo(body, at)
    const value = textTo(body, name.end)
    found.set(name.text, value.text)
    at = value.end
  }
  return found
}

/** The statement of a simple query. */
export const queryText = (body: Buffer): string => textTo(body, 0).text

/** Name and statement of a Parse. */
export const parsedText = (body: Buffer): { name: string; text: string } => {
  const name = textTo(body, 0)
  return { name: name.text, text: textTo(body, name.end).text }
}

/** The name of the prepared statement that a Bind is for. */
export const boundName = (body: Buffer): string => textTo(body, textTo(body, 0).end).text

/** Reads what a client sends on one connection, and returns the statements that it runs; a prepared one by its text. */
export const makeStatementReader = () => {
  const read = makeReader({ startsWithStartup: true })
  const prepared = new Map<string, string>()
  return (chunk: Buffer): string[] =>
    read(chunk).flatMap(({ type, body }) => {
      if (type === 'P') {
        const { name, text } = parsedText(body)
        prepared.set(name, text)
      }
      if (type === 'B') return prepared.get(boundName(body)) ?? []
      return type === 'Q' ? queryText(body) : []
    })
}
