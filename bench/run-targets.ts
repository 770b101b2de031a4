import type { Target } from './load.ts'
import { AT_ONCE, makeCaller } from './load.ts'
import type { Surroundings } from './surroundings.ts'

type Runners = { spark: Target; floor: Target; close: () => Promise<void> }

/** Runs by hand, waited for, and the same client calling the flow server itself. */
export const openRunners = ({ spark, stub, workflow_id, cpu }: Surroundings): Runners => {
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
      cpu: () => null, // there is nothing in between
    },
    close: async () => void (await Promise.all([sparkCaller.close(), stubCaller.close()])),
  }
}
