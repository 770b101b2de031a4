import type { StubCall } from '@automagik-spark/testing'
import { makeCaller } from './load.ts'
import type { Surroundings } from './surroundings.ts'

type Seen = { calls: StubCall[]; unrecorded: unknown[] } // of packages/testing: GET /__stub/calls

/** What the flow server heard. To be asked seldom while something is measured: every question takes it some time. */
export const openFlowLog = ({ stub }: Pick<Surroundings, 'stub'>) => {
  const flows = makeCaller(stub.url, { connections: 1, headers: {} })
  return {
    clear: async () => void (await flows.call('/__stub/clear', '{}')),
    runs: async (): Promise<StubCall[]> => {
      const { calls, unrecorded } = JSON.parse((await flows.call('/__stub/calls')).body.toString()) as Seen
      if (unrecorded.length > 0)
        throw new Error(
          `the stub was asked for something that no Langflow was heard to answer: ${JSON.stringify(unrecorded[0])}`,
        )
      return calls.filter(({ run }) => run)
    },
    /** Of runs, since the start or the last `clear`. */
    count: async (): Promise<number> =>
      (JSON.parse((await flows.call('/__stub/count')).body.toString()) as { runs: number }).runs,
    close: () => flows.close(),
  }
}
export type FlowLog = ReturnType<typeof openFlowLog>
