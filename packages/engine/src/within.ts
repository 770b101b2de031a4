/** Waits at most `ms` for `work`. The work itself goes on until its own limits; its result is dropped. */
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

/** The time was over before an answer came. */
class NoAnswer extends Error {
  readonly code = 'ETIMEDOUT'

  constructor(message: string) {
    super(message)
    this.name = 'NoAnswer'
  }
}
