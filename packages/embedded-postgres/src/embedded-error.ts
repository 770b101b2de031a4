/** The embedded server cannot be used. The message is for the person who starts Spark: print it without a stack. */
export class EmbeddedError extends Error {
  override name = 'EmbeddedError'
}
