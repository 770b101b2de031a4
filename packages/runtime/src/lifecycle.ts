type ProcessLike = {
  on(event: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
  exit(code: number): never
}

/** A Ctrl-C may arrive twice: from the terminal, and from a parent that passes it on. So close together they count once. */
const TWICE_MS = 500

/** Resolves at the first SIGINT or SIGTERM. A second one exits at once. */
export const untilSignal = (proc: ProcessLike, say: (message: string) => void): Promise<void> =>
  new Promise((resolve) => {
    let firstAt: number | null = null
    const onSignal = () => {
      const now = performance.now()
      if (firstAt === null) {
        firstAt = now
        say('Shutting down; once more to exit at once.')
        resolve()
      } else if (now - firstAt > TWICE_MS) {
        say('Exiting at once.')
        proc.exit(1)
      }
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) proc.on(signal, onSignal)
  })
