/**
 * Counts vitest's JSON report. `code` is vitest's exit code; `report` is null when there is none, as after a crash.
 * A failure that no test shows, such as a file that cannot be loaded, counts as one and is described in `problems`.
 */
export const totalsOf = (report, code) => {
  const totals = { passed: 0, failed: 0, skipped: [], problems: [] }
  const fail = (problem) => {
    totals.failed++
    totals.problems.push(problem)
  }
  for (const file of report?.testResults ?? []) {
    let failedHere = 0
    for (const { status, fullName } of file.assertionResults) {
      if (status === 'passed') totals.passed++
      else if (status === 'failed') failedHere++
      else totals.skipped.push(`${file.name}: ${fullName}`)
    }
    totals.failed += failedHere
    if (file.status === 'failed' && failedHere === 0)
      fail(`${file.name} failed outside its tests: ${file.message?.split('\n')[0] || 'see above'}`)
  }
  if (report === null) fail(`vitest ended with code ${code} and without a report`)
  else if (code !== 0 && totals.failed === 0)
    fail(`vitest ended with code ${code} although no test failed: see its errors above`)
  if (report !== null && totals.passed + totals.failed === 0) fail('no test ran')
  return totals
}

/** The totals of two runs together. */
export const addUp = (one, other) => ({
  passed: one.passed + other.passed,
  failed: one.failed + other.failed,
  skipped: [...one.skipped, ...other.skipped],
  problems: [...one.problems, ...other.problems],
})

/** The last line. In CI a skipped test counts as failed: there everything must run. */
export const summaryOf = ({ passed, failed, skipped }, isCi) => {
  if (isCi) return { failed: failed + skipped.length, line: `${passed} passed, ${failed + skipped.length} failed` }
  return {
    failed,
    line: `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`,
  }
}
