import { performance } from 'node:perf_hooks'
import { clearInterval, setInterval } from 'node:timers'

const SIGNALS = ['SIGINT', 'SIGTERM']
/** npm repeats the signal of the terminal at once. A second one within this time is such a copy, not a second Ctrl-C. */
const ECHO_MS = 500
const CHECK_PARENT_MS = 1000

export const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGKILL: 137 }

/**
 * Calls `handle` once for each signal, though the terminal and npm both send it. Children must be in process groups of their own, so that no signal
 * reaches them directly. When npm was killed, that counts as SIGTERM. Returns a function that stops listening.
 */
export const onSignal = (handle) => {
  let lastAt = -Infinity
  const listeners = SIGNALS.map((signal) => {
    const listener = () => {
      const now = performance.now()
      if (now - lastAt < ECHO_MS) return
      lastAt = now
      handle(signal)
    }
    process.on(signal, listener)
    return [signal, listener]
  })

  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    handle('SIGTERM')
  }, CHECK_PARENT_MS)
  watch.unref()
  // Without npm the parent is a shell, and the program may outlive it.
  if (!process.env.npm_lifecycle_event) clearInterval(watch)

  return () => {
    clearInterval(watch)
    for (const [signal, listener] of listeners) process.off(signal, listener)
  }
}
