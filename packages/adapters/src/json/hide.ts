/**
 * JSON text without a secret, given the forms in which it may stand there. What is not JSON is thrown.
 * Complete in itself, as its own source text is what the thread runs (`threads.ts`).
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
    // A secret of digits stood as a number, say: written anew, which changes how its other numbers are written.
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
