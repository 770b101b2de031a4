/** Ours are shorter; what anybody may send without a key can have 16 KiB. */
const MAX_CHARS = 256

/** A path as the log shows it. It is cut between its segments, as half a key in it would not be known as one. */
export const loggedPath = (path: string): string =>
  path.length <= MAX_CHARS
    ? path
    : `${path.slice(0, path.lastIndexOf('/', MAX_CHARS - 1) + 1)}… (${path.length} characters)`
