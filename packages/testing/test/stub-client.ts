import { startStubLangflow, type StubLangflow, type StubLangflowOptions } from '../src/index.ts'

export type Reply = { status: number; headers: Headers; text: string; json: unknown }

type Headers = Record<string, string>

export const send = async (
  stub: StubLangflow,
  method: string,
  path: string,
  headers: Headers = {},
  body = '',
): Promise<Reply> => {
  const response = await fetch(stub.url + path, { method, headers, redirect: 'manual', ...(body !== '' && { body }) })
  const text = await response.text()
  return { status: response.status, headers: Object.fromEntries(response.headers), text, json: parse(text) }
}
const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
export const run = (stub: StubLangflow, flow: string, body: unknown, query = '?stream=false'): Promise<Reply> => {
  const headers = { 'x-api-key': stub.key ?? '', 'content-type': 'application/json' }
  return send(stub, 'POST', `/api/v1/run/${flow}${query}`, headers, JSON.stringify(body))
}
export const any = (input_value: unknown, more: object = {}) => ({
  input_value,
  input_type: 'any',
  output_type: 'any',
  ...more,
})

export type Output = { results: Record<string, { text: string }>; messages: { message: string }[] }
export const outputsOf = (json: unknown): Output[] => (json as { outputs: [{ outputs: Output[] }] }).outputs[0].outputs
export const textsOf = (json: unknown): string[] =>
  outputsOf(json).flatMap(({ results }) => Object.values(results).map(({ text }) => text))
export type StreamEvent = { event: string; data: Record<string, unknown> }
export const eventsOf = (text: string): StreamEvent[] =>
  text
    .split('\n\n')
    .filter((part) => part !== '')
    .map((part) => JSON.parse(part) as StreamEvent)

/** Starts stubs for one test file, which calls `closeAll` in its `afterEach`. */
export const makeStarter = () => {
  const started: StubLangflow[] = []
  return {
    async start(options: StubLangflowOptions = {}): Promise<StubLangflow> {
      const stub = await startStubLangflow(options)
      started.push(stub)
      return stub
    },
    closeAll: async (): Promise<void> => void (await Promise.all(started.splice(0).map((stub) => stub.close()))),
  }
}
