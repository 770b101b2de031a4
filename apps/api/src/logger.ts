type Write = (fields: Record<string, unknown>, message: string) => void

/** The part of a logger that the API uses. */
export type Logger = { debug: Write; info: Write; warn: Write; error: Write }
