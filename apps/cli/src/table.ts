import { textOf } from './answer-json.ts'
import { cut, loadWidths, oneLine, pad, widthOf } from './terminal-text.ts'

export type Column<T> = {
  header: string
  value: (item: T) => unknown
  /** Is cut where the terminal is too narrow. */
  flexible?: true
}

const GAP = '  '
const MIN_WIDTH = 8
/** Widest flexible column in a file or pipe, where no terminal limits it. `--json` has the whole answer. */
const MAX_WIDTH = 200
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

/** `2026-01-31 08:00:00` in the time zone. */
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

/** Shrinks flexible columns, the widest first, until a row fits. */
const fit = (widths: number[], flexible: boolean[], room: number): number[] => {
  const fitted = [...widths]
  const total = () => fitted.reduce((sum, width) => sum + width, 0) + GAP.length * (fitted.length - 1)
  while (total() > room) {
    let widest = -1
    for (const [index, width] of fitted.entries())
      if (flexible[index] && width > MIN_WIDTH && width > (fitted[widest] ?? 0)) widest = index
    if (widest < 0) break
    fitted[widest]!--
  }
  return fitted
}

/** The time zone is shown once: below the table on a terminal, which has little width, otherwise in the first header of a time. */
export const table = async <T>(
  columns: ReadonlyArray<Column<T>>,
  items: readonly T[],
  { timeZone, width }: { timeZone: string; width: number | undefined },
): Promise<string> => {
  const values = items.map((item) => columns.map(({ value }) => value(item)))
  const firstTime = columns.findIndex((_, index) => values.some((row) => isInstant(row[index])))
  const headers = columns.map(({ header }, index) =>
    index === firstTime && width === undefined ? `${header} (${timeZone})` : header,
  )
  const cells = values.map((row) => row.map((value) => cell(value, timeZone)))
  await loadWidths(cells.flat())
  const isFlexible = columns.map(({ flexible }) => flexible === true)
  const rows = [
    headers,
    ...cells.map((row) => row.map((text, index) => (isFlexible[index] ? cut(text, width ?? MAX_WIDTH) : text))),
  ]
  const natural = columns.map((_, index) => rows.reduce((max, row) => Math.max(max, widthOf(row[index]!)), 0))
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

/** One line per field; nothing is cut. */
export const details = (fields: ReadonlyArray<readonly [string, unknown]>, timeZone: string): string => {
  const width = Math.max(...fields.map(([name]) => widthOf(name)))
  let zoneShown = false
  return fields
    .map(([name, value]) => {
      const zone = isInstant(value) && !zoneShown ? ` (${timeZone})` : ''
      zoneShown ||= zone !== ''
      return `${pad(name, width)}${GAP}${cell(value, timeZone)}${zone}\n`
    })
    .join('')
}
