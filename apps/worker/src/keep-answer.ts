import type { RunAnswer } from '@automagik-spark/adapters'
import { jsonText, objectText } from '@automagik-spark/core'

/** An answer of up to this size is stored in the task's row; a larger one in a table of its own that lists never load. */
const INLINE_BYTES = 8 * 1024
const PREVIEW_CHARS = 2_000

const bytesOf = (text: string) => Buffer.byteLength(text)
/** Cuts text to this many bytes, never inside a character. */
const cutToBytes = (text: string, bytes: number): string => {
  // A character has at least one byte, so no more characters than bytes are needed.
  const buffer = Buffer.from(text.slice(0, bytes + 1))
  if (buffer.length <= bytes) return text
  let end = bytes
  while (end > 0 && (buffer[end]! & 0xc0) === 0x80) end--
  return buffer.subarray(0, end).toString()
}

/**
 * How an answer is stored: whole up to `maxBytes`; above that its result, cut to fit, and its size.
 * Returns JSON texts that hold the answer as its server wrote it: `output` for the task's row, `full_output` for the table of large answers.
 */
export const keepAnswer = (
  { result, answer, bytes }: Pick<RunAnswer, 'result' | 'answer' | 'bytes'>,
  maxBytes: number,
): { output: string; full_output: string | null } => {
  // An answer that is too large is not written out first: for 10 MiB that takes longer than everything else that is done with it.
  let whole: string | null =
    bytes > maxBytes
      ? null
      : objectText([
          ['result', jsonText(result)],
          ['answer', answer],
        ])
  if (whole === null || bytesOf(whole) > maxBytes) {
    const room = (budget: number) => JSON.stringify({ result: cutToBytes(result, budget), truncated: true, bytes })
    whole = room(Math.max(maxBytes - 64, 0))
    // Escapes make JSON longer than its text: shrink the budget by the excess.
    for (let budget = Math.max(maxBytes - 64, 0); bytesOf(whole) > maxBytes && budget > 0; whole = room(budget)) {
      budget = Math.floor((budget * maxBytes) / (bytesOf(whole) + 1))
    }
  }
  if (bytesOf(whole) <= INLINE_BYTES) return { output: whole, full_output: null }
  const preview = JSON.stringify({ result: [...result.slice(0, PREVIEW_CHARS)].join(''), truncated: true, bytes })
  return { output: preview, full_output: whole }
}
