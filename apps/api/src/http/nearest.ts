import { distance } from 'fastest-levenshtein'

/** Longer names are cut before they are compared: the time grows with the product of both lengths. */
const MAX_COMPARED = 64

const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '')

/** The known name that the client most likely meant, or null when none is similar. */
export const nearest = (name: string, known: readonly string[]): string | null => {
  const wanted = plain(name.slice(0, MAX_COMPARED))
  let best: { name: string; score: number } | null = null
  for (const candidate of known) {
    const other = plain(candidate)
    const isPart = wanted.length > 2 && (other.includes(wanted) || wanted.includes(other))
    const score = isPart ? 1 : distance(wanted, other)
    const limit = isPart ? 1 : Math.max(1, Math.floor(Math.max(wanted.length, other.length) / 3))
    if (score <= limit && (best === null || score < best.score)) best = { name: candidate, score }
  }
  return best?.name ?? null
}
