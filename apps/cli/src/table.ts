import stringWidth from 'string-width'
import type { Io } from './io.ts'
import { fieldText, prettyText, textOf } from './source-text.ts'

export type Column<T> = {
  header: string
  value: (item: T) => unknown
  /** May be cut where the terminal is too narrow. */
  flexible?: true
}

const GAP = '  '
const LEAST_WIDTH = 8
/** Of a flexible column where no terminal sets the width: whole answers are for --json. */
const MOST_WIDTH = 200
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

/** Text of strangers without what would move the cursor or change the terminal. */
export const printable = (text: string): string => text.replace(/[^\P{Cc}\n\t]/gu, '')
const oneLine = (text: string): string => printable(text).replace(/\s+/g, ' ').trim()
/** Letters that take one cell each. string-width reads anything else, 6 µs a character. */
const ONE_CELL_EACH = /^[\x20-\x7e\xa1-\xac\xae-\u02ff]*$/
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
/** Cells of the terminal: an ideogram or an emoji takes two, a combining mark none. */
const widthOf = (text: string): number => (ONE_CELL_EACH.test(text) ? text.length : stringWidth(text))
/** Reads no more of the text than it keeps: an answer may have a megabyte. */
const cut = (text: string, width: number): string => {
  if (ONE_CELL_EACH.test(text)) return text.length <= width ? text : `${text.slice(0, width - 1)}…`
  let kept = ''
  let cells = 0
  for (const { segment } of graphemes.segment(text)) {
    cells += widthOf(segment)
    if (cells > width) return `${kept}…`
    if (cells < width) kept += segment
  }
  return text
}
const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)))

/** An instant as a clock on the wall in that zone shows it. */
export const localTime = (iso: string, timeZone: string): string => {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(new Date(iso))
  const get = (type: Intl.DateTimeFormatPartTypes) => parts.find((part) => part.type === type)?.value ?? ''
  return `${get('year')}-${get('month')}-${get('day')} ${get('hour')}:${get('minute')}:${get('second')}`
}

const isInstant = (value: unknown): value is string => typeof value === 'string' && INSTANT.test(value)

const cell = (value: unknown, timeZone: string): string => {
  if (value === null || value === undefined || value === '') return '-'
  if (isInstant(value)) return localTime(value, timeZone)
  return oneLine(typeof value === 'string' ? value : typeof value === 'object' ? textOf(value) : String(value))
}

/** Makes the flexible columns narrower, the widest first, until the row fits. */
const fit = (widths: number[], flexible: boolean[], room: number): number[] => {
  const fitted = [...widths]
  const total = () => fitted.reduce((sum, width) => sum + width, 0) + GAP.length * (fitted.length - 1)
  while (total() > room) {
    let widest = -1
    for (const [index, width] of fitted.entries())
      if (flexible[index] && width > LEAST_WIDTH && width > (fitted[widest] ?? 0)) widest = index
    if (widest < 0) break
    fitted[widest]!--
  }
  return fitted
}

/** Rows under headers. The zone of the times is said once: below the table on a terminal, where width is dear, else in the first header. */
export const table = <T>(
  columns: ReadonlyArray<Column<T>>,
  items: readonly T[],
  { timeZone, width }: { timeZone: string; width: number | undefined },
): string => {
  const values = items.map((item) => columns.map(({ value }) => value(item)))
  const firstTime = columns.findIndex((_, index) => values.some((row) => isInstant(row[index])))
  const headers = columns.map(({ header }, index) =>
    index === firstTime && width === undefined ? `${header} (${timeZone})` : header,
  )
  const isFlexible = columns.map(({ flexible }) => flexible === true)
  const shown = (value: unknown, index: number): string => {
    const text = cell(value, timeZone)
    return isFlexible[index] ? cut(text, width ?? MOST_WIDTH) : text
  }
  const rows = [headers, ...values.map((row) => row.map(shown))]
  const natural = columns.map((_, index) => rows.reduce((most, row) => Math.max(most, widthOf(row[index]!)), 0))
  const widths = width === undefined ? natural : fit(natural, isFlexible, width)
  const lines = rows.map((row) =>
    row
      .map((text, index) => pad(cut(text, widths[index]!), widths[index]!))
      .join(GAP)
      .trimEnd(),
  )
  if (firstTime >= 0 && width !== undefined) lines.push(`Times: ${timeZone}`)
  return lines.map((line) => `${line}\n`).join('')
}

/** One thing, a line a field; nothing is cut. */
export const details = (fields: ReadonlyArray<readonly [string, unknown]>, timeZone: string): string => {
  const width = Math.max(...fields.map(([name]) => widthOf(name)))
  let zoneSaid = false
  return fields
    .map(([name, value]) => {
      const zone = isInstant(value) && !zoneSaid ? ` (${timeZone})` : ''
      zoneSaid ||= zone !== ''
      return `${pad(name, width)}${GAP}${cell(value, timeZone)}${zone}\n`
    })
    .join('')
}

export const makeOutput = ({ stdout, stderr, timeZone }: Pick<Io, 'stdout' | 'stderr' | 'timeZone'>) => ({
  json: (value: unknown) => void stdout.write(`${prettyText(value)}\n`),
  text: (text: string) => void stdout.write(`${stdout.isTTY ? printable(text) : text}\n`),
  table: <T>(columns: ReadonlyArray<Column<T>>, items: readonly T[]) =>
    void stdout.write(table(columns, items, { timeZone, width: stdout.isTTY ? stdout.columns || 80 : undefined })),
  /** The fields of an answer under their API names, without those that are only for machines. */
  details: (thing: object, hidden: readonly string[] = []) =>
    void stdout.write(
      details(
        Object.entries(thing)
          .filter(([name]) => !hidden.includes(name))
          .map(([name, value]) => [name, typeof value === 'object' && value !== null ? fieldText(thing, name) : value]),
        timeZone,
      ),
    ),
  /** For the person, not for what reads the output. */
  note: (text: string) => void stderr.write(`${printable(text)}\n`),
})
export type Output = ReturnType<typeof makeOutput>

/** What is going on, on stderr: on a terminal one line that is written over, else a line for each new stage. */
export const makeProgress = ({ stderr }: Pick<Io, 'stderr'>) => {
  let last = ''
  return {
    update(stage: string, moment = '') {
      if (stderr.isTTY) stderr.write(`\r\u001b[2K${cut(oneLine(`${stage} ${moment}`), (stderr.columns || 80) - 1)}`)
      else if (stage !== last) stderr.write(`${oneLine(stage)}\n`)
      last = stage
    },
    clear() {
      if (stderr.isTTY && last !== '') stderr.write('\r\u001b[2K')
      last = ''
    },
  }
}
