import { type Link, placeOf, startRelay } from '../tcp/relay.ts'
import { makeStatementReader } from './messages.ts'

/** What happens to the next such statement. */
type Rule = {
  act: 'refuse' | 'cut' | 'hold' | 'freeze'
  /** Text of the statement. */
  statement: string
  /** A text that the answer must contain, too. */
  answer: string | undefined
  seen: () => void
  keep: (go: () => void) => void
}

/**
 * A proxy to PostgreSQL that reads the statements. A statement can be lost before it arrives; after it was run, its answer can be lost or late:
 * what a broken network does at the worst moment. Small statements only: an answer is taken to be one chunk.
 */
export const startStatementProxy = async (serverUrl: string) => {
  const rules: Rule[] = []
  const stuck = new Set<() => void>()

  const serve = ({ inside, outside, cut }: Link) => {
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
    inside.on('data', (bytes: Buffer) => {
      asked += statementsIn(bytes).join('\n')
      const rule = take(['refuse', 'freeze'])
      if (rule?.act === 'refuse') {
        cut()
        return rule.seen()
      }
      outside.write(bytes)
      if (!rule) return
      relay.freeze()
      rule.keep(relay.thaw)
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
  }
  const relay = await startRelay(placeOf(serverUrl), { serve })

  /** A rule for the next such statement. `seen` resolves when it came; `release` ends a hold or a freeze. */
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
    url: relay.through(serverUrl),
    /** The connection breaks before PostgreSQL gets the statement. */
    refuse: (statement: string) => next('refuse', statement),
    /** PostgreSQL runs the statement, and the connection breaks before its answer arrives. */
    cutAnswer: (statement: string, answer?: string) => next('cut', statement, answer),
    /** PostgreSQL runs the statement, and its answer arrives when it is released. */
    holdAnswer: (statement: string, answer?: string) => next('hold', statement, answer),
    /** This statement still arrives; after it nothing passes on any connection, as if the process stood still. */
    freezeAfter: (statement: string) => next('freeze', statement),
    /** PostgreSQL cannot be reached until `open`. */
    shut: relay.shut,
    open: relay.open,
    isOpen: relay.isOpen,
    /** Ends every hold and freeze. */
    releaseAll() {
      rules.length = 0
      for (const release of stuck) release()
      stuck.clear()
    },
    async close() {
      this.releaseAll()
      await relay.shut()
    },
  }
}
export type StatementProxy = Awaited<ReturnType<typeof startStatementProxy>>
