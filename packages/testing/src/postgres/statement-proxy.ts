import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { makeStatementReader } from './messages.ts'

/** What is to happen to one statement, when it comes by. */
type Rule = {
  act: 'refuse' | 'cut' | 'hold' | 'freeze'
  /** Text of the statement. */
  statement: string
  /** Text that its answer must contain to be meant. */
  answer: string | undefined
  seen: () => void
  keep: (go: () => void) => void
}
export type Wire = Awaited<ReturnType<typeof makeWire>>

/**
 * A way to PostgreSQL that reads along, so that a statement can be lost before it arrives, and its answer lost or late after it was
 * carried out: what a broken network does at the worst moment. Small statements only: an answer is taken to be one piece.
 */
export const makeWire = async (serverUrl: string) => {
  const target = new URL(serverUrl)
  const sockets = new Set<Socket>()
  const rules: Rule[] = []
  const stuck = new Set<() => void>()
  let frozen = false

  const server = createServer((inside) => {
    const outside = connect(Number(target.port), target.hostname)
    const statementsIn = makeStatementReader()
    let asked = ''
    const take = (acts: Rule['act'][], answer?: string): Rule | undefined => {
      const at = rules.findIndex(
        (rule) =>
          acts.includes(rule.act) &&
          asked.includes(rule.statement) &&
          (answer === undefined || answer.includes(rule.answer ?? '')),
      )
      return at < 0 ? undefined : rules.splice(at, 1)[0]
    }
    const cut = () => {
      inside.destroy()
      outside.destroy()
    }
    inside.on('data', (bytes: Buffer) => {
      asked += statementsIn(bytes).join('\n')
      const rule = take(['refuse', 'freeze'])
      if (rule?.act === 'refuse') {
        cut()
        return rule.seen()
      }
      outside.write(bytes)
      if (!rule) return
      frozen = true
      for (const socket of sockets) socket.pause()
      rule.keep(() => {
        frozen = false
        for (const socket of sockets) socket.resume()
      })
      rule.seen()
    })
    outside.on('data', (bytes: Buffer) => {
      const rule = take(['cut', 'hold'], bytes.toString('latin1'))
      asked = ''
      if (rule?.act === 'cut') {
        cut()
        return rule.seen()
      }
      if (!rule) return void inside.write(bytes)
      outside.pause()
      rule.keep(() => {
        inside.write(bytes)
        outside.resume()
      })
      rule.seen()
    })
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      sockets.add(from)
      if (frozen) from.pause()
      from.on('error', () => to.destroy()).on('close', () => sockets.delete(from) && to.destroy())
    }
  })
  const listenOn = async (port: number) => {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    const address = server.address()
    return typeof address === 'object' && address ? address.port : 0
  }
  const port = await listenOn(0)
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)

  /** For the next such statement. `seen`: it has happened. `release`: the end of a hold or a freeze. */
  const next = (act: Rule['act'], statement: string, answer?: string) => {
    let go = () => {}
    const seen = new Promise<void>((resolve) => {
      rules.push({
        act,
        statement,
        answer,
        seen: resolve,
        keep(release) {
          go = () => void (stuck.delete(release) && release())
          stuck.add(release)
        },
      })
    })
    return { seen, release: () => void go() }
  }

  return {
    url: url.href,
    /** The connection breaks before PostgreSQL gets the statement. */
    refuse: (statement: string) => next('refuse', statement),
    /** PostgreSQL carries the statement out, and the connection breaks before its answer arrives. */
    cutAnswer: (statement: string, answer?: string) => next('cut', statement, answer),
    /** PostgreSQL carries the statement out, and its answer arrives when it is released. */
    holdAnswer: (statement: string, answer?: string) => next('hold', statement, answer),
    /** From this statement on, which still arrives, nothing goes either way on any connection: as if the process stood still. */
    freezeAfter: (statement: string) => next('freeze', statement),
    /** PostgreSQL cannot be reached. */
    async shut() {
      const closed = once(server.close(), 'close')
      for (const socket of sockets) socket.destroy()
      await closed
    },
    open: () => listenOn(port),
    isOpen: () => server.listening,
    /** Ends every hold and freeze that is still on. */
    releaseAll() {
      rules.length = 0
      for (const release of stuck) release()
      stuck.clear()
    },
    async close() {
      this.releaseAll()
      if (server.listening) await this.shut()
    },
  }
}
