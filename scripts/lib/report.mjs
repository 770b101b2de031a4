import { writeFileSync } from 'node:fs'
import { isCi } from './is-ci.mjs'
import { summaryOf } from './totals.mjs'

/** Prints what failed or was skipped, and the last line. Writes the totals to the file SPARK_TEST_TOTALS, for scripts/ci.mjs to add up. */
export const report = (totals, root) => {
  const short = (text) => text.replaceAll(root, '')
  for (const problem of totals.problems) console.log(`failed: ${short(problem)}`)
  if (totals.skipped.length > 0) {
    console.log(isCi ? 'skipped, which in CI counts as failed:' : 'skipped:')
    for (const name of totals.skipped) console.log(`  ${short(name)}`)
  }
  const { failed, line } = summaryOf(totals, isCi)
  if (process.env.SPARK_TEST_TOTALS) writeFileSync(process.env.SPARK_TEST_TOTALS, JSON.stringify(totals))
  console.log(line)
  process.exitCode = failed > 0 ? 1 : 0
}
