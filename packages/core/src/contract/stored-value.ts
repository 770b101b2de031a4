const MAX_DEPTH = 32
const MAX_KEYS = 10_000

/** Why PostgreSQL would refuse this text (errors 22021 and 22P05), or null. */
export const textProblem = (text: string): string | null => {
  if (text.includes('\u0000')) return 'must not contain the NUL character'
  if (!text.isWellFormed()) return 'must be well-formed Unicode (it has half of a surrogate pair)'
  return null
}

/** Why this JSON value is refused, or null. It is stored as its source text, so characters may be escaped in it, NUL too. */
export const valueProblem = (value: unknown): string | null => {
  let keys = 0
  const visit = (node: unknown, depth: number): string | null => {
    if (node === null || typeof node !== 'object') return null
    if (depth >= MAX_DEPTH) return `must not be nested deeper than ${MAX_DEPTH} levels`
    for (const child of Object.values(node)) {
      keys++
      if (keys > MAX_KEYS) return `must not have more than ${MAX_KEYS} keys and elements`
      const problem = visit(child, depth + 1)
      if (problem) return problem
    }
    return null
  }
  return visit(value, 0)
}
