/** Where calls wait for a time, or until they are released. */
export const makeGate = () => {
  const held = new Set<() => void>()
  const timers = new Map<NodeJS.Timeout, () => void>()
  return {
    wait: (delay: number | 'held'): Promise<void> =>
      new Promise((resolve) => {
        if (delay === 'held') {
          held.add(resolve)
          return
        }
        const timer = setTimeout(() => {
          timers.delete(timer)
          resolve()
        }, delay)
        timers.set(timer, resolve)
      }),
    release(): number {
      const count = held.size
      for (const resolve of held) resolve()
      held.clear()
      return count
    },
    /** Releases all, also those that wait for a time. */
    open(): void {
      for (const resolve of held) resolve()
      held.clear()
      for (const [timer, resolve] of timers) {
        clearTimeout(timer)
        resolve()
      }
      timers.clear()
    },
  }
}
