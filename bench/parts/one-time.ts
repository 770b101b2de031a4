import { fireBeside, firesTable, firesTargets, MANY } from '../fires.ts'
import { openFlowLog } from '../flow-log.ts'
import { MAX_CONCURRENCY } from '../options.ts'
import type { Part } from '../part.ts'
import { warmUpFires } from '../warm-up.ts'

/** One-time schedules that are all due at one second. */
export const oneTime: Part = {
  name: 'one-time',
  async measure({ open, progress }) {
    const result = await open({ concurrency: MAX_CONCURRENCY }, async (surroundings) => {
      progress('one-time: warming up')
      await warmUpFires(surroundings)
      const flows = openFlowLog(surroundings)
      return fireBeside(surroundings, flows, 'one-time', MANY).finally(flows.close)
    })
    return { result, text: firesTable(result), targets: firesTargets(result) }
  },
}
