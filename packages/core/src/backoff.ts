/** How long to wait between tries, in milliseconds: `firstMs`, then twice as long each time, at most `lastMs`. */
export const makeBackoff = ({ firstMs, lastMs }: { firstMs: number; lastMs: number }) => {
  let nextMs = firstMs
  return {
    next(): number {
      const waitMs = nextMs
      nextMs = Math.min(nextMs * 2, lastMs)
      return waitMs
    },
    /** After a success: the next failure waits `firstMs` again. */
    reset(): void {
      nextMs = firstMs
    },
  }
}
export type Backoff = ReturnType<typeof makeBackoff>
