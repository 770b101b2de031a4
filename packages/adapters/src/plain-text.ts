/** A server's text for one line of a message: without control and direction characters, well-formed, at most `max` UTF-16 units. */
export const oneLine = (text: string, max = 2000): string => {
  // Cut before the slow replacements: a message may have megabytes.
  const cleaned = cut(text, max * 2)
    .replace(/[\s\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(/[\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '')
    .trim()
  return cleaned.length > max ? `${cut(cleaned, max - 1)}…` : cleaned
}

/** The same for text of several lines. */
export const manyLines = (text: string, max: number): string =>
  cut(text, max)
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .replace(/\p{Cs}/gu, '')

/** At most `max` UTF-16 units, without half of a surrogate pair at the end. */
const cut = (text: string, max: number): string => text.slice(0, max).replace(/[\ud800-\udbff]$/, '')
