/** A shorter secret would be found inside ordinary words. */
const SHORTEST_SECRET = 6
export const HIDDEN = '[hidden]'
/** Fewer characters of base64 would be found inside other text. */
const SHORTEST_BASE64 = 8

/**
 * Every form in which a text may repeat a secret: as it is, in JSON (also in JSON inside a JSON string), in a URL, a form or HTML, as base64
 * (also of a longer text), as hex, in upper or lower case.
 */
export const secretForms = (secret: string): string[] => {
  if (secret.length < SHORTEST_SECRET) return []
  const wellFormed = secret.toWellFormed()
  const json = inJson(secret)
  const bytes = new TextEncoder().encode(wellFormed)
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return [
    ...new Set([
      secret,
      json,
      ...[1, 2, 3].map((times) => inJson(json, times)),
      json.replaceAll('/', '\\/'),
      secret.replaceAll('\\', '\\\\'),
      ...inUrl(wellFormed),
      ...inHtml(secret),
      ...inBase64(bytes),
      hex,
      hex.toUpperCase(),
      secret.toUpperCase(),
      secret.toLowerCase(),
    ]),
  ]
}

/** The text with every form of a secret replaced. */
export const hideForms = (text: string, forms: readonly string[]): string => {
  let clean = text
  for (const form of forms) if (clean.includes(form)) clean = clean.replaceAll(form, HIDDEN)
  return clean
}

const inJson = (text: string, times = 1): string =>
  times === 0 ? text : inJson(JSON.stringify(text).slice(1, -1), times - 1)
/** Libraries differ in which characters they escape, above all the slash, and in how they write a space. */
const inUrl = (text: string): string[] => {
  const component = encodeURIComponent(text)
  const strict = component.replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
  const form = new URLSearchParams([['', text]]).toString().slice(1)
  const all = [component, strict, form, encodeURI(text)]
  return [...all, ...all.map((url) => url.replaceAll('%2F', '/'))].flatMap((url) => [url, lowerEscapes(url)])
}
const lowerEscapes = (url: string): string => url.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())

const inHtml = (text: string): string[] => {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const quoted = [escaped, escaped.replaceAll('"', '&quot;'), escaped.replaceAll('"', '&#34;')]
  return quoted.flatMap((html) => [html, html.replaceAll("'", '&#39;'), html.replaceAll("'", '&#x27;')])
}

/**
 * base64 writes three bytes as four characters, so a secret within a longer text has three forms, by its offset. Of each this returns the
 * characters that do not depend on the bytes around it.
 */
const inBase64 = (bytes: Uint8Array): string[] =>
  [0, 1, 2].flatMap((offset) => {
    const padded = new Uint8Array(offset + bytes.length)
    padded.set(bytes, offset)
    const first = Math.ceil((offset * 8) / 6)
    const whole = Math.floor((padded.length * 8) / 6)
    const text = btoa(String.fromCharCode(...padded)).slice(first, whole)
    return text.length < SHORTEST_BASE64 ? [] : [text, text.replaceAll('+', '-').replaceAll('/', '_')]
  })
