/**
 * Collects items that come while a statement is under way for the next one: a single item goes at once, hundreds become a few statements.
 * @param run gets at most `max` items and returns their answers in the same order
 */
export const makeBatcher = <Item, Answer>({
  max,
  maxWeight = Infinity,
  weightOf = () => 0,
  parallel = 1,
  run,
}: {
  max: number
  /** The limit for the weight of all items of a statement. One that weighs more goes alone. */
  maxWeight?: number
  weightOf?: (item: Item) => number
  /** Statements under way at once. */
  parallel?: number
  run: (items: Item[]) => Promise<Answer[]>
}) => {
  type Waiting = { item: Item; resolve: (answer: Answer) => void; reject: (error: unknown) => void }
  const queue: Waiting[] = []
  let under = 0

  /** How many of the waiting items fit into one statement. */
  const next = (): number => {
    let [count, weight] = [0, 0]
    for (const { item } of queue) {
      weight += weightOf(item)
      if (count === max || (count > 0 && weight > maxWeight)) break
      count++
    }
    return count
  }

  const flush = () => {
    while (under < parallel && queue.length > 0) {
      const batch = queue.splice(0, next())
      under++
      run(batch.map(({ item }) => item))
        .then(
          (answers) => batch.forEach(({ resolve }, i) => resolve(answers[i] as Answer)), // `run` answers in order, one each
          (error: unknown) => batch.forEach(({ reject }) => reject(error)),
        )
        .finally(() => {
          under--
          flush()
        })
    }
  }

  return (item: Item): Promise<Answer> =>
    new Promise((resolve, reject) => {
      queue.push({ item, resolve, reject })
      // After this turn of the event loop, so that items from many sockets go together.
      if (queue.length === 1) setImmediate(flush)
    })
}
