/** A shorter text would be found inside ordinary words. */
export const SHORTEST_SECRET = 6
export const HIDDEN = '[hidden]'
/** Fewer characters of base64 could be part of anything. */
const SHORTEST_BASE64 = 8

/** Every way in which a text may repeat a secret: as it is, inside JSON (that may stand as text in JSON), a URL, a form, HTML, as base64 (also within something longer) and as hex. */
export const secretForms = (secret: string): string[] => {
  if (secret.length < SHORTEST_SECRET) return []
  const wellFormed = secret.toWellFormed()
  const json = inJson(secret)
  const url = encodeURIComponent(wellFormed)
  const form = new URLSearchParams([['', wellFormed]]).toString().slice(1)
  const bytes = new TextEncoder().encode(wellFormed)
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return [
    ...new Set([
      secret, json, ...[1, 2, 3].map((times) => inJson(json, times)), json.replaceAll('/', '\\/'), secret.replaceAll('\\', '\\\\'), url, lowerEscapes(url), form, lowerEscapes(form),
      ...inHtml(secret), ...inBase64(bytes), hex, hex.toUpperCase(),
    ]),
  ]
}

/** The text without a secret whose forms these are. */
export const hideForms = (text: string, forms: readonly string[]): string => {
  let clean = text
  for (const form of forms) if (clean.includes(form)) clean = clean.replaceAll(form, HIDDEN)
  return clean
}

const inJson = (text: string, times = 1): string => (times === 0 ? text : inJson(JSON.stringify(text).slice(1, -1), times - 1))
const lowerEscapes = (url: string): string => url.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())

const inHtml = (text: string): string[] => {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
  return [escaped.replaceAll("'", '&#39;'), escaped.replaceAll("'", '&#x27;')]
}

/** base64 writes three bytes as four characters, so within a longer text there are three ways; of each, what does not depend on the neighbours. */
const inBase64 = (bytes: Uint8Array): string[] =>
  [0, 1, 2].flatMap((offset) => {
    const padded = new Uint8Array(offset + bytes.length)
    padded.set(bytes, offset)
    const first = Math.ceil((offset * 8) / 6)
    const whole = Math.floor((padded.length * 8) / 6)
    const text = btoa(String.fromCharCode(...padded)).slice(first, whole)
    return text.length < SHORTEST_BASE64 ? [] : [text, text.replaceAll('+', '-').replaceAll('/', '_')]
  })
