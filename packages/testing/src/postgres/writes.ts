const COMMENTS_AND_TEXTS = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'/g
/** Not the UPDATE of a row lock or of ON CONFLICT. Our own functions that write are shown as `call`. */
const WRITES =
  /\b(insert\s+into|(?<!\b(?:for|key|do)\s+)update|delete\s+from|truncate|create|alter|drop)\s+(?:only\s+)?((?:"?\w+"?\.)?"?\w+"?)|\b(spark_(?!(?:now|takes_calls)\b)\w+)\s*\(/gi

/** What a statement writes, in words: `update tasks`, `insert task_events`, `call spark_claim`; empty when it only reads. */
export const writesOf = (statement: string): string[] => {
  const plain = statement.replace(COMMENTS_AND_TEXTS, "''")
  return [...plain.matchAll(WRITES)].map(([, verb, name, called]) => {
    if (called) return `call ${called.toLowerCase()}`
    return `${verb!.split(/\s/)[0]!.toLowerCase()} ${name!.replaceAll('"', '').split('.').at(-1)!.toLowerCase()}`
  })
}
