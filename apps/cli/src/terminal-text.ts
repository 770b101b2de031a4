/** Removes control characters: text that others wrote must not move the cursor or change the terminal. */
export const printable = (text: string): string => text.replace(/[^\P{Cc}\n\t]/gu, '')
export const oneLine = (text: string): string => printable(text).replace(/\s+/g, ' ').trim()

/** Latin letters, and dashes, quotes and ellipses: one cell each. string-width needs 6 µs for each character of any other text. */
const ONE_CELL_EACH = /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u2010-\u2027]*$/
let graphemes: Intl.Segmenter | undefined
let stringWidth = (text: string): number => [...text].length

/** Loads string-width when one of the texts needs it. It takes 30 ms of a start, so most commands do without. */
export const loadWidths = async (texts: readonly string[]): Promise<void> => {
  if (!texts.every((text) => ONE_CELL_EACH.test(text))) stringWidth = (await import('string-width')).default
}

/** Cells of the terminal: an ideogram or an emoji takes two, a combining mark none. Counts characters before `loadWidths`. */
export const widthOf = (text: string): number => (ONE_CELL_EACH.test(text) ? text.length : stringWidth(text))

/** Cuts to `width` cells, with an ellipsis. Reads no more of the text than it keeps: an answer may have a megabyte. */
export const cut = (text: string, width: number): string => {
  if (ONE_CELL_EACH.test(text)) return text.length <= width ? text : `${text.slice(0, width - 1)}…`
  let kept = ''
  let cells = 0
  graphemes ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  for (const { segment } of graphemes.segment(text)) {
    cells += widthOf(segment)
    if (cells > width) return `${kept}…`
    if (cells < width) kept += segment
  }
  return text
}

export const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)))
