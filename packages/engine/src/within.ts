/** Gives up waiting, not the work: that ends by its own limits and nobody hears of it. */
export const within = async <T>(ms: number, work: Promise<T>, what = 'PostgreSQL'): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(`${what} did not answer within ${Math.round(ms)} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Somebody was waited for in vain. */
class NoAnswer extends Error {
  readonly code = 'ETIMEDOUT'

  constructor(message: string) {
    super(message)
    this.name = 'NoAnswer'
  }
}
