/** Our own paths are shorter. Anybody can send up to 16 KiB, even without a key. */
const MAX_CHARS = 256

/** A path as the log shows it. It is cut between segments: half a key would not be recognised as one. */
export const loggedPath = (path: string): string =>
  path.length <= MAX_CHARS
    ? path
    : `${path.slice(0, path.lastIndexOf('/', MAX_CHARS - 1) + 1)}… (${path.length} characters)`
