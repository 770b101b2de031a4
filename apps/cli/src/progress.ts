import type { Io } from './io.ts'
import { cut, oneLine } from './terminal-text.ts'

/** Shows progress on stderr: one line that is overwritten on a terminal, otherwise one line for each new stage. */
export const makeProgress = ({ stderr }: Pick<Io, 'stderr'>) => {
  let last = ''
  return {
    /** `detail` (such as the seconds so far) is shown on a terminal only: it would fill a log. */
    update(stage: string, detail = '') {
      if (stderr.isTTY) stderr.write(`\r\u001b[2K${cut(oneLine(`${stage} ${detail}`), (stderr.columns || 80) - 1)}`)
      else if (stage !== last) stderr.write(`${oneLine(stage)}\n`)
      last = stage
    },
    clear() {
      if (stderr.isTTY && last !== '') stderr.write('\r\u001b[2K')
      last = ''
    },
  }
}
