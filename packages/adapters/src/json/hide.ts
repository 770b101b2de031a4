/**
 * Takes a secret, in any of these forms, out of JSON text. Throws when the text is not JSON.
 * Uses nothing outside itself: the thread runs its source text (`threads.ts`).
 */
export const hideInJson = (text: string, forms: readonly string[]): string => {
  const HIDDEN = '[hidden]'
  const hide = (part: string): string => {
    let clean = part
    for (const form of forms) if (clean.includes(form)) clean = clean.replaceAll(form, HIDDEN)
    return clean
  }
  const clean = hide(text)
  if (clean === text) return text
  try {
    JSON.parse(clean)
    return clean
  } catch {
    // The secret was (part of) a number, say. The text is written anew, which may change how its other numbers are written.
  }
  const hideValue = (value: unknown): unknown => {
    if (typeof value === 'string') return hide(value)
    if (typeof value === 'number') return hide(String(value)) === String(value) ? value : HIDDEN
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(hideValue)
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [hide(name), hideValue(item)]))
  }
  return JSON.stringify(hideValue(JSON.parse(text)))
}
