/** A failure that its message explains in full, in one sentence for the person who starts Spark: print it without a stack. */
export class DatabaseError extends Error {
  override name = 'DatabaseError'
}
