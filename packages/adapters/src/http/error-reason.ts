import type { JsonValue } from '../json/reader.ts'
import { oneLine } from '../plain-text.ts'

/**
 * The sentence for a person in an error body; null when there is none. FastAPI servers wrap it in many ways: `detail` as text, as JSON inside
 * that text, as a list of `{loc, msg}`, or as an object; unhandled errors have `message`.
 */
export const reasonOf = (body: JsonValue): string | null => {
  const reason = dig(body, 0)
  const line = reason === null ? '' : oneLine(reason)
  return line === '' ? null : line
}

const dig = (value: JsonValue | undefined, depth: number): string | null => {
  if (depth > 4 || value === undefined || value === null) return null
  if (typeof value === 'string') return digText(value, depth)
  if (Array.isArray(value))
    return (
      value
        .slice(0, 20)
        .map((item) => digItem(item, depth))
        .filter((text) => text !== null)
        .join('; ') || null
    )
  if (typeof value !== 'object') return null
  return (
    dig(value['detail'], depth + 1) ??
    dig(value['message'], depth + 1) ??
    dig(value['error'], depth + 1) ??
    dig(value['msg'], depth + 1)
  )
}

/** The text may itself be JSON, also after a status: `500: {"message": …}`. */
const digText = (text: string, depth: number): string | null => {
  const inner = /^\s*(?:\d{3}: )?([[{].*)$/s.exec(text)?.[1]
  if (inner !== undefined) {
    try {
      return dig(JSON.parse(inner) as JsonValue, depth + 1) ?? text
    } catch {
      // It only looks like JSON.
    }
  }
  return text.trim() === '' ? null : text
}

const digItem = (item: JsonValue, depth: number): string | null => {
  const message = dig(item, depth + 1)
  if (message === null || item === null || typeof item !== 'object' || Array.isArray(item)) return message
  const { loc } = item
  return Array.isArray(loc) && loc.length > 0 ? `${loc.map(String).join('.')}: ${message}` : message
}
