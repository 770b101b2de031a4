import type { StubCall } from '@automagik-spark/testing'
import { makeCaller } from './load.ts'
import type { Stack } from './stack.ts'

type Seen = { calls: StubCall[]; unrecorded: unknown[] } // of packages/testing: GET /__stub/calls

/** The calls that the flow server got. Read it seldom while something is measured: each read costs the server time. */
export const openFlowLog = ({ stub }: Pick<Stack, 'stub'>) => {
  const flows = makeCaller(stub.url, { connections: 1, headers: {} })
  return {
    clear: async () => void (await flows.call('/__stub/clear', '{}')),
    runs: async (): Promise<StubCall[]> => {
      const { calls, unrecorded } = JSON.parse((await flows.call('/__stub/calls')).body.toString()) as Seen
      if (unrecorded.length > 0)
        throw new Error(
          `the stub got a request for which no answer of a Langflow was recorded: ${JSON.stringify(unrecorded[0])}`,
        )
      return calls.filter(({ run }) => run)
    },
    /** Runs since the start or the last `clear`. */
    count: async (): Promise<number> =>
      (JSON.parse((await flows.call('/__stub/count')).body.toString()) as { runs: number }).runs,
    close: () => flows.close(),
  }
}
export type FlowLog = ReturnType<typeof openFlowLog>
