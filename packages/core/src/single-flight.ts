/**
 * Lets only one run of `work` be under way. A call during a run waits for the end of it and of one run more, which sees what the caller
 * changed before the call; calls together share that run. An error ends the runs and goes to every caller that waits.
 * The answer adds up what the runs gave, by `add`.
 */
export const singleFlight = <Result>(
  work: () => Promise<Result>,
  add: (sum: Result, next: Result) => Result = (_, next) => next,
): (() => Promise<Result>) => {
  let running: Promise<Result> | null = null
  let isCalledAgain = false

  // Async, so that work that throws at once ends a run only after `running` is set.
  const run = async (): Promise<Result> => work()
  const runUntilQuiet = async (): Promise<Result> => {
    try {
      isCalledAgain = false
      let sum: Result = await run()
      while (isCalledAgain) {
        isCalledAgain = false
        sum = add(sum, await run())
      }
      return sum
    } finally {
      running = null
    }
  }

  return () => {
    isCalledAgain = true
    return (running ??= runUntilQuiet())
  }
}
