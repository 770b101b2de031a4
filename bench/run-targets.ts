import type { Target } from './load.ts'
import { AT_ONCE, makeCaller } from './load.ts'
import type { Stack } from './stack.ts'

type RunTargets = { spark: Target; floor: Target; close: () => Promise<void> }

/** Manual runs that are waited for, and the same client calling the flow server directly. */
export const openRunTargets = ({ spark, stub, workflow_id, cpu }: Stack): RunTargets => {
  const connections = Math.max(...AT_ONCE)
  const sparkCaller = makeCaller(spark.url, { connections, headers: { 'x-api-key': spark.key } })
  const stubCaller = makeCaller(stub.url, { connections, headers: { 'x-api-key': stub.key } })
  let count = 0
  return {
    spark: {
      async once() {
        const { status, body } = await sparkCaller.call(
          `/api/v1/workflows/${workflow_id}/run`,
          JSON.stringify(`run ${++count}`),
        )
        if (status !== 200 || !body.includes('"status":"completed"'))
          throw new Error(`a run failed: ${status} ${body.toString().slice(0, 500)}`)
      },
      cpu: () => cpu(spark.pid),
    },
    floor: {
      async once() {
        const request = {
          input_value: `run ${++count}`,
          input_type: 'any',
          output_type: 'any',
          session_id: `direct-${count}`,
        }
        const { status, body } = await stubCaller.call(
          `/api/v1/run/${stub.flow_id}?stream=false`,
          JSON.stringify(request),
        )
        if (status !== 200) throw new Error(`a direct call failed: ${status} ${body.toString().slice(0, 500)}`)
      },
      cpu: () => null, // there is no process between client and flow server
    },
    close: async () => void (await Promise.all([sparkCaller.close(), stubCaller.close()])),
  }
}
