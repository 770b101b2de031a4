import type { JsonText } from '@automagik-spark/core'
import { jsonText, objectText } from '@automagik-spark/core'

/** Up to here an answer lies in the task's own row; above it in a table of its own that lists never load. */
const INLINE_BYTES = 8 * 1024
const PREVIEW_CHARS = 2_000

const bytesOf = (text: string) => Buffer.byteLength(text)
/** Cuts text to so many bytes, never inside a character. */
const cutToBytes = (text: string, bytes: number): string => {
  // A character has a byte at least: more than so many of them need not be looked at.
  const buffer = Buffer.from(text.slice(0, bytes + 1))
  if (buffer.length <= bytes) return text
  let end = bytes
  while (end > 0 && (buffer[end]! & 0xc0) === 0x80) end--
  return buffer.subarray(0, end).toString()
}

/**
 * How an answer is kept: whole up to `maxBytes`, above that its text cut to fit and the size.
 * Returns JSON texts, in which the answer stands as its server wrote it: `output` for the task's row, `full_output` for the table of large answers.
 */
export const keepAnswer = (
  text: string,
  answer: JsonText,
  bytes: number,
  maxBytes: number,
): { output: string; full_output: string | null } => {
  // What is too large anyway is not written out first: of 10 MiB that takes longer than all else that is done with an answer.
  let whole: string | null =
    bytes > maxBytes
      ? null
      : objectText([
          ['result', jsonText(text)],
          ['answer', answer],
        ])
  if (whole === null || bytesOf(whole) > maxBytes) {
    const room = (budget: number) => JSON.stringify({ result: cutToBytes(text, budget), truncated: true, bytes })
    whole = room(Math.max(maxBytes - 64, 0))
    // Escapes take more room in JSON than in the text: shrink by what is too much.
    for (let budget = Math.max(maxBytes - 64, 0); bytesOf(whole) > maxBytes && budget > 0; whole = room(budget)) {
      budget = Math.floor((budget * maxBytes) / (bytesOf(whole) + 1))
    }
  }
  if (bytesOf(whole) <= INLINE_BYTES) return { output: whole, full_output: null }
  const preview = JSON.stringify({ result: [...text.slice(0, PREVIEW_CHARS)].join(''), truncated: true, bytes })
  return { output: preview, full_output: whole }
}
