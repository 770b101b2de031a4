/** How many single characters must be changed, added or removed to make `b` of `a`. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}

const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '')

/** The known name that an unknown one most likely stands for, or null when none is like it. */
export const nearest = (name: string, known: readonly string[]): string | null => {
  const wanted = plain(name.slice(0, 64))
  let best: { name: string; score: number } | null = null
  for (const candidate of known) {
    const other = plain(candidate)
    const part = wanted.length > 2 && (other.includes(wanted) || wanted.includes(other))
    const score = part ? 1 : distance(wanted, other)
    const limit = part ? 1 : Math.max(1, Math.floor(Math.max(wanted.length, other.length) / 3))
    if (score <= limit && (best === null || score < best.score)) best = { name: candidate, score }
  }
  return best?.name ?? null
}
