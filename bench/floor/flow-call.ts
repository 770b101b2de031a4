import { Pool } from 'undici'
import { env } from './env.ts'

/** The call of all floors, over as many connections as runs at once. */
export const openFlow = (concurrency: number) => {
  const stub = new Pool(env('STUB_URL'), { connections: concurrency, pipelining: 1 })
  return {
    /** Returns the parsed answer. */
    async call(session_id: string): Promise<unknown> {
      const answer = await stub.request({
        path: `/api/v1/run/${env('STUB_FLOW')}?stream=false`,
        method: 'POST',
        headers: { 'x-api-key': env('STUB_KEY'), 'content-type': 'application/json' },
        body: JSON.stringify({ input_value: `from ${session_id}`, input_type: 'any', output_type: 'any', session_id }),
      })
      if (answer.statusCode !== 200) throw new Error(`the flow server answered ${answer.statusCode}`)
      return answer.body.json()
    },
    close: () => stub.close(),
  }
}
