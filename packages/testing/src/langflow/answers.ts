import { gzipSync } from 'node:zlib'
import { type Flows, makeFlows } from './flows.ts'
import { makeRecognise, type Recognised, type Values } from './recognise.ts'
import { asAsked, type Asked, type LangflowVersion, readRecorded, type Recorded } from './recorded.ts'
import { compile, compileQuote, compileStream } from './template.ts'

export type Answer = {
  /** The recording behind this answer. */
  from: string
  status: number
  headers: Record<string, string>
  /** The pieces in which the body is sent: a stream has one for each event. */
  body: (values: Values) => (string | Buffer)[]
}
export type Answers = {
  flows: Flows
  recognise: (asked: Asked) => Recognised | null
  find: (key: string) => Answer | null
  /** Recordings that no request reaches: they are useless, and a test fails. */
  unused: string[]
  html: Answer
  failed: { plain: Answer; streamed: Answer }
}
type Deps = { version: LangflowVersion; key: string | null; frontend: boolean }

/** Stands for any good key: recordings are compiled once, for stubs of all keys. */
const RECORDED_KEY = 'sk-recorded'

/**
 * Answers that were not recorded and follow from a recording: that of the same flow, with the input in place of the stored text.
 * - `noinput`: its TextInput ran with the stored text, since the recorded run had type chat. With `any` it gets the input, as
 *   run_text_any shows.
 * - `text` with an empty input: its TextInput ran with its stored text, which is empty (run_text_as_chat).
 */
const derived: { from: string; body: Record<string, unknown>; came_out?: string }[] = [
  { from: 'run_noinput', body: { input_type: 'any', output_type: 'any' }, came_out: 'stored text' },
  { from: 'stream_noinput', body: { input_type: 'any', output_type: 'any' }, came_out: 'stored text' },
  { from: 'run_text_as_chat', body: { input_type: 'any', output_type: 'any', input_value: '' } },
]

export const loadAnswers = ({ version, key, frontend }: Deps): Answers => {
  const recorded = readRecorded(version)
  const flows = makeFlows(recorded)
  const recogniseRecorded = makeRecognise({ version, flows, key: RECORDED_KEY })
  const recogniseKeyless = makeRecognise({ version, flows, key: null })
  const answers = new Map<string, Answer>()
  const unused: string[] = []
  const html = htmlOf(version === '1.7.3' ? recorded : readRecorded('1.7.3'))

  const usual = recorded.filter((one) => !/^(frontend|autologin_skip)_/.test(one.case))
  for (const one of [...usual, ...recorded.filter((other) => !usual.includes(other))]) {
    const mine = one.case.startsWith('autologin_skip_')
      ? recogniseKeyless(inMainServer(one, flows)) // a server that needs no key
      : recogniseRecorded(asAsked(one, RECORDED_KEY))
    if (!mine) unused.push(one.case)
    // With the frontend the answers are the same except for 404, which `find` below turns into HTML.
    else if (!answers.has(mine.key) && !one.case.startsWith('frontend_')) answers.set(mine.key, makeAnswer(one, mine))
  }
  for (const { from, body, came_out } of derived) {
    const one = recorded.find((other) => other.case === from)
    if (!one) throw new Error(`the stub needs the recording ${from}`)
    const ran = one.request.body as object // the body of a run
    const like = { ...one, request: { ...one.request, body: { ...ran, ...body } } }
    const mine = recogniseRecorded(asAsked(like, RECORDED_KEY))
    if (mine)
      answers.set(
        mine.key,
        makeAnswer(one, { ...mine, values: { ...mine.values, input: came_out ?? mine.values.input } }),
      )
  }
  fillLists(answers, flows)

  const get = (name: string): Answer => {
    const found = answers.get(name)
    if (!found) throw new Error(`nothing recorded for: ${name}`)
    return found
  }
  const failing = 'run of fail, input for ChatInput-fail1, output of ChatOutput-fail3, tweaks none'
  return {
    flows,
    recognise: makeRecognise({ version, flows, key }),
    find: (name) => {
      const found = answers.get(name) ?? null
      // As in every frontend_* of 1.7.3. In 1.13.0, also recorded with its frontend, 404 stays 404.
      return frontend && version === '1.7.3' && found?.status === 404 ? html : found
    },
    unused,
    html,
    failed: { plain: get(`plain ${failing}`), streamed: get(`streamed ${failing}`) },
  }
}

const makeAnswer = ({ case: from, response }: Recorded, { key, values }: Recognised): Answer => {
  const { 'transfer-encoding': _, 'content-encoding': encoding, ...headers } = response.headers
  const head = {
    from,
    status: response.status,
    headers: encoding ? { ...headers, 'content-encoding': encoding } : headers,
  }
  if (response.events) return { ...head, body: compileStream(response.events, values) }
  if (response.text !== undefined) return { ...head, body: always(response.text) }
  if (response.body === null || response.body === undefined) return { ...head, body: () => [] }
  if (!key.includes(' run of ')) {
    const quotes = /unknown|another user|no uuid|bad stream/.test(key)
    if (!quotes) return { ...head, body: always(JSON.stringify(response.body), encoding) }
    const quoting = compileQuote(response.body, values.ref)
    return { ...head, body: (actual) => [quoting(actual)] }
  }
  const template = compile(response.body, values)
  return { ...head, body: (actual) => [template(actual)] }
}

const always = (text: string, encoding?: string): Answer['body'] => {
  const body = [encoding === 'gzip' ? gzipSync(text) : Buffer.from(text)]
  return () => body
}

/** The lists, which the recorder cut after two rows, with all rows; each row can also be read alone. */
const fillLists = (answers: Map<string, Answer>, flows: Flows): void => {
  const replace = (key: string, like: string, body: unknown): void => {
    const model = answers.get(like)
    if (model) answers.set(key, { ...model, body: always(JSON.stringify(body), model.headers['content-encoding']) })
  }
  replace('flows, headers', 'flows, headers', flows.headers)
  replace('flows, whole', 'flows, whole', flows.rows)
  for (const { short_name, row } of flows.all) {
    if (!answers.has(`flow ${short_name}`)) replace(`flow ${short_name}`, 'flow echo', row)
  }
}

const htmlOf = (recorded: Recorded[]): Answer => {
  const page = recorded.find((one) => one.case === 'frontend_unknown_path')
  if (page?.response.text === undefined) throw new Error('the stub needs the recording frontend_unknown_path')
  return {
    from: page.case,
    status: page.response.status,
    headers: page.response.headers,
    body: always(page.response.text),
  }
}

/** The server without a key was another one, where the echo flow has another id. */
const inMainServer = (one: Recorded, flows: Flows): Asked => {
  const asked = asAsked(one, RECORDED_KEY)
  return { ...asked, path: asked.path.replace(/(?<=\/run\/)[^/]+/, flows.find('rig-echo')?.row.id ?? '') }
}
