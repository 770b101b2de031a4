/**
 * JSON text that is kept as it was written. In an answer it stands for a fraction that a JavaScript number cannot hold (integers
 * become `bigint`). In an input it stands for any JSON that must arrive unchanged.
 *
 * @example
 * await spark.workflows.run(id, new RawJson('{"price": 1.10}'))
 */
export class RawJson {
  readonly raw: string

  constructor(raw: string) {
    JSON.parse(raw) // throws a SyntaxError when it is not JSON
    this.raw = raw.trim()
  }
}
// The ESM and CommonJS builds each have their own class, so `instanceof` would fail between them.
const BRAND = Symbol.for('@automagik-spark/sdk.RawJson')
Object.defineProperty(RawJson.prototype, BRAND, { value: true })
const isRaw = (value: unknown): value is RawJson => typeof value === 'object' && value !== null && BRAND in value

/** Matches every text that may contain a number with more digits, or a larger exponent, than a JavaScript number keeps. */
const MAYBE_LONG = /\d{16}|[\d.]{17}|\d[eE][+-]?\d{3}/
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** The digits and the position of the decimal point: equal for two spellings of the same number. */
const normal = (number: string): string => {
  const [, whole = '', part = '', exponent = '0'] = /^-?(\d+)\.?(\d*)(?:e(.+))?$/i.exec(number) ?? []
  const digits = (whole + part).replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  return kept && `${kept}e${Number(exponent) - part.length + digits.length - kept.length}`
}
const WHOLE = /^-?\d+$/
const isHeld = (number: string): boolean =>
  WHOLE.test(number) ? Number.isSafeInteger(Number(number)) : normal(number) === normal(String(Number(number)))

const endOfString = (text: string, start: number): number => {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

/** A name that no answer can contain, because it is random. */
const makeMark = (): string => `spark-${Math.random()}-${Math.random()}`

/** Replaces each number that JavaScript cannot hold by `{mark: i}`; returns these numbers, too. */
const withMarks = (text: string, mark: string): { text: string; numbers: string[] } => {
  const numbers: string[] = []
  let marked = ''
  let from = 0
  for (let at = 0; at < text.length;) {
    if (text[at] === '"') {
      at = endOfString(text, at)
      continue
    }
    NUMBER.lastIndex = at
    const number = NUMBER.exec(text)?.[0]
    if (number !== undefined && !isHeld(number)) {
      marked += `${text.slice(from, at)}{"${mark}":${numbers.push(number) - 1}}`
      from = at + number.length
    }
    at += number?.length ?? 1
  }
  return { text: marked + text.slice(from), numbers }
}

/** Like `JSON.parse`, but no number loses a digit: a long integer becomes a `bigint`, any other long number a `RawJson`. */
export const parseJson = (text: string): unknown => {
  const value: unknown = JSON.parse(text)
  if (!MAYBE_LONG.test(text)) return value
  const mark = makeMark()
  const marked = withMarks(text, mark)
  if (marked.numbers.length === 0) return value
  return JSON.parse(marked.text, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || !Object.hasOwn(part, mark)) return part
    const number = marked.numbers[Number(Reflect.get(part, mark))] ?? ''
    return WHOLE.test(number) ? BigInt(number) : new RawJson(number)
  })
}

/** Like `JSON.stringify`, but also writes every digit of a `bigint`, and a `RawJson` as it was written. */
export const stringifyJson = (value: unknown): string | undefined => {
  const mark = makeMark()
  const parts: string[] = []
  const text = JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'bigint' && !isRaw(part)) return part
    return `${mark}:${parts.push(typeof part === 'bigint' ? String(part) : part.raw) - 1}`
  }) as string | undefined // the type omits that functions and undefined give undefined
  return parts.length === 0
    ? text
    : text?.replace(new RegExp(`"${mark}:(\\d+)"`, 'g'), (_, index: string) => parts[Number(index)] ?? '')
}
