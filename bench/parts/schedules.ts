import type { FireComparison } from '../compare-fires.ts'
import { compareFires, firesTable, firesTargets } from '../compare-fires.ts'
import { openFlowLog } from '../flow-log.ts'
import type { Bench, Part } from '../part.ts'
import { warmUpFires } from '../warm-up.ts'

const measure = async ({ options, open, progress }: Bench): Promise<FireComparison[]> => {
  const all: FireComparison[] = []
  for (const concurrency of options.concurrency) {
    const measured = await open({ concurrency }, async (stack) => {
      progress(`schedules, ${concurrency} at once: warming up`)
      await warmUpFires(stack)
      const flows = openFlowLog(stack)
      try {
        const fired: FireComparison[] = []
        for (const count of options.schedules) fired.push(await compareFires(stack, flows, 'cron', count))
        return fired
      } finally {
        await flows.close()
      }
    })
    all.push(...measured)
  }
  return all
}

/** Cron schedules that are all due at one minute. */
export const schedules: Part = {
  name: 'schedules',
  async measure(bench) {
    const result = await measure(bench)
    return { result, text: result.map(firesTable).join('\n\n'), targets: result.flatMap(firesTargets) }
  },
}
