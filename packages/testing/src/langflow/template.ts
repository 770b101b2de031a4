import type { Values } from './recognise.ts'
import type { StreamedEvent } from './recorded.ts'
import type { Tweak } from './tweaks.ts'

/** The text of an answer with holes, split once: filling it only joins strings. */
export type Template = (values: Values) => string
type Hole = (values: Values) => string

const escape = (text: string): string => JSON.stringify(text).slice(1, -1)
/** In messages of a machine Langflow doubles line ends (run_echo_unicode: `artifacts` and `messages`). */
const double = (text: string): string => text.replaceAll('\n\n', '\n').replaceAll('\n', '\n\n')
const chunksOf = (text: string): string[] => text.match(/\s*\S+|\s+$/g) ?? []

const holes = {
  inputs: ({ input }) => (input === null ? '{}' : `{"input_value":${JSON.stringify(input)}}`),
  input: ({ input }) => escape(input ?? ''),
  inputDoubled: ({ input }) => escape(double(input ?? '')),
  inputInJson: ({ input }) => escape(escape(input ?? '')),
  inputLength: ({ input }) => String([...(input ?? '')].length), // Python counts code points
  firstChunk: ({ input }) => escape(chunksOf(input ?? '')[0] ?? ''),
  session: ({ session_id }) => escape(session_id),
  ref: ({ ref }) => escape(ref),
  notHex: ({ ref }) => escape(`\`${/[^0-9a-f-]/i.exec(ref)?.[0] ?? ''}\` at ${ref.search(/[^0-9a-f-]/i) + 1}`),
} satisfies Record<string, Hole>
const tweakHoles = {
  tweak: ({ value }) => escape(String(value)),
  tweakDoubled: ({ value }) => escape(double(String(value))),
  tweakJson: ({ value }) => escape(prettyJson(value)),
  tweakJsonDoubled: ({ value }) => escape(double(prettyJson(value))),
} satisfies Record<string, (tweak: Tweak) => string>
const prettyJson = (value: unknown): string => JSON.stringify(JSON.parse(String(value)), null, 2)

/** Compiles a recorded JSON body: the values of the recorded request (`from`) in it become holes. */
export const compile = (body: unknown, from: Values): Template => {
  const found: Hole[] = []
  const names: string[] = []
  const hole = (name: string, fill: Hole): number => {
    const known = names.indexOf(name)
    if (known >= 0) return known
    names.push(name)
    return found.push(fill) - 1
  }
  // A recorded text has no control characters, and JSON.stringify writes them in one way.
  const inText = (name: string, fill: Hole): string => `\u0001${hole(name, fill)}\u0002`
  const whole = (name: string, fill: Hole): string => `\u0003${hole(name, fill)}\u0004`
  const own = (name: keyof typeof holes): string => inText(name, holes[name])
  const ofTweak = (name: keyof typeof tweakHoles, at: number): string =>
    inText(`${name} ${at}`, ({ tweaks }) => {
      const tweak = tweaks[at]
      return tweak ? tweakHoles[name](tweak) : ''
    })

  const inputIn = (text: string, doubled: boolean): string => {
    const input = from.input ?? ''
    if (input === '') return text
    if (text.startsWith('```json')) {
      return text
        .replaceAll(`"${escape(input)}"`, () => `"${own('inputInJson')}"`)
        .replace(`"length": ${[...input].length}`, () => `"length": ${own('inputLength')}`)
    }
    return doubled
      ? text.replaceAll(double(input), () => own('inputDoubled'))
      : text.replaceAll(input, () => own('input'))
  }
  const tweaksIn = (text: string, doubled: boolean): string =>
    from.tweaks.reduce((so_far, { field, value }, at) => {
      if (field === 'seconds') return so_far.replaceAll(`slept ${value} s`, () => `slept ${ofTweak('tweak', at)} s`)
      if (so_far.startsWith('```json') && field === 'data') {
        const json = prettyJson(value)
        return so_far.replace(doubled ? double(json) : json, () =>
          ofTweak(doubled ? 'tweakJsonDoubled' : 'tweakJson', at),
        )
      }
      return so_far.replaceAll(String(value), () => ofTweak(doubled ? 'tweakDoubled' : 'tweak', at))
    }, text)

  const walk = (value: unknown, name: string, parent: Record<string, unknown>): unknown => {
    if (typeof value === 'string') {
      if (name === 'session_id') return value !== '' && value === from.session_id ? own('session') : value
      const doubled = name === 'message' && parent.sender === 'Machine'
      return tweaksIn(inputIn(value, doubled), doubled)
    }
    if (Array.isArray(value)) return value.map((one) => walk(one, name, parent))
    if (typeof value !== 'object' || value === null) return value
    if (name === 'inputs' && 'outputs' in parent) return whole('inputs', holes.inputs)
    const record = value as Record<string, unknown> // parsed JSON that is neither null nor an array
    return Object.fromEntries(Object.entries(record).map(([key, inner]) => [key, walk(inner, key, record)]))
  }
  return join(JSON.stringify(walk(body, '', {})), found)
}

/** Compiles an error that quotes the flow's id or name. */
export const compileQuote = (body: unknown, recordedRef: string): Template => {
  const marked = JSON.stringify(body)
    .replaceAll(`"${recordedRef}"`, '"\\u00010\\u0002"')
    .replaceAll(` ${recordedRef} `, ' \\u00010\\u0002 ')
    .replace(/`.` at \d+/g, '\\u00011\\u0002')
  return join(marked, [holes.ref, holes.notHex])
}

/** Compiles a streamed answer: JSON documents separated by blank lines, with as many `token` events as the input has words. */
export const compileStream = (events: StreamedEvent[], from: Values) => {
  const firstToken = events.findIndex(({ line }) => isToken(line))
  const compiled = events.flatMap(({ line }, at): ((values: Values) => string[])[] => {
    if (isToken(line)) {
      if (at !== firstToken) return []
      const token = compile({ ...line, data: { ...line.data, chunk: '\u0005' } }, from)
      return [
        (values) => chunksOf(values.input ?? '').map((chunk) => token(values).replace('\\u0005', () => escape(chunk))),
      ]
    }
    // The message before the first token already holds it.
    const announces = at === firstToken - 1
    const template = announces ? compileFirst(line, from) : compile(line, from)
    return [(values) => [template(values)]]
  })
  return (values: Values): string[] => compiled.flatMap((event) => event(values)).map((event) => `${event}\n\n`)
}

const compileFirst = (line: unknown, from: Values): Template => {
  const first = JSON.stringify({ text: chunksOf(from.input ?? '')[0] }).slice(1, -1)
  const template = compile(JSON.parse(JSON.stringify(line).replaceAll(first, '"text":"\\u0005"')), from)
  return (values) => template(values).replaceAll('\\u0005', () => holes.firstChunk(values))
}

type Token = { event: 'token'; data: { chunk: string } }
const isToken = (line: unknown): line is Token =>
  typeof line === 'object' && line !== null && 'event' in line && line.event === 'token'

const join = (marked: string, found: Hole[]): Template => {
  const parts = marked.split(/\\u0001(\d+)\\u0002|"\\u0003(\d+)\\u0004"/)
  // Every third part is text; of the two parts between, the numbers of the two kinds of holes, one is undefined.
  const text = parts.filter((_, at) => at % 3 === 0)
  const numbers = parts
    .filter((_, at) => at % 3 !== 0)
    .filter((part) => part !== undefined)
    .map(Number)
  return (values) => {
    const filled = found.map((fill) => fill(values))
    let whole = text[0] ?? ''
    for (const [at, number] of numbers.entries()) whole += (filled[number] ?? '') + (text[at + 1] ?? '')
    return whole
  }
}
