import { compareFires, firesTable, firesTargets, MANY } from '../compare-fires.ts'
import { openFlowLog } from '../flow-log.ts'
import { MAX_CONCURRENCY } from '../options.ts'
import type { Part } from '../part.ts'
import { warmUpFires } from '../warm-up.ts'

/** One-time schedules that are all due at one second. */
export const oneTime: Part = {
  name: 'one-time',
  async measure({ open, progress }) {
    const result = await open({ concurrency: MAX_CONCURRENCY }, async (stack) => {
      progress('one-time: warming up')
      await warmUpFires(stack)
      const flows = openFlowLog(stack)
      return compareFires(stack, flows, 'one-time', MANY).finally(flows.close)
    })
    return { result, text: firesTable(result), targets: firesTargets(result) }
  },
}
