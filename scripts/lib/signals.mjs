import { performance } from 'node:perf_hooks'
import { clearInterval, setInterval } from 'node:timers'

const SIGNALS = ['SIGINT', 'SIGTERM']
/** npm repeats the terminal's signal, at once. Nobody presses Ctrl-C twice within this time and means it. */
const ECHO_MS = 500
const LOOK_AT_PARENT_MS = 1000

export const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGKILL: 137 }

/**
 * Hands each signal on once, where the terminal and npm both send it. The children must be in process groups of their own: then none comes to
 * them directly. A killed npm counts as SIGTERM. Returns how to end it.
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
  }, LOOK_AT_PARENT_MS)
  watch.unref()
  // Started by hand it may well outlive the shell.
  if (!process.env.npm_lifecycle_event) clearInterval(watch)

  return () => {
    clearInterval(watch)
    for (const [signal, listener] of listeners) process.off(signal, listener)
  }
}
