import { fieldText, prettyText } from './answer-json.ts'
import type { Io } from './io.ts'
import { type Column, details, table } from './table.ts'
import { printable } from './terminal-text.ts'

/** Results go to stdout, everything else to stderr, so that a program reads results only. */
export const makePrinter = ({ stdout, stderr, timeZone }: Pick<Io, 'stdout' | 'stderr' | 'timeZone'>) => ({
  json: (value: unknown) => void stdout.write(`${prettyText(value)}\n`),
  text: (text: string) => void stdout.write(`${stdout.isTTY ? printable(text) : text}\n`),
  table: async <T>(columns: ReadonlyArray<Column<T>>, items: readonly T[]) =>
    void stdout.write(
      await table(columns, items, { timeZone, width: stdout.isTTY ? stdout.columns || 80 : undefined }),
    ),
  /** Shows the fields under their API names. `hidden` names fields that only programs read, such as a graph. */
  details: (thing: object, hidden: readonly string[] = []) =>
    void stdout.write(
      details(
        Object.entries(thing)
          .filter(([name]) => !hidden.includes(name))
          .map(([name, value]) => [name, typeof value === 'object' && value !== null ? fieldText(thing, name) : value]),
        timeZone,
      ),
    ),
  note: (text: string) => void stderr.write(`${printable(text)}\n`),
})
export type Printer = ReturnType<typeof makePrinter>
