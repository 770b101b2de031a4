import { describe, expect, it } from 'vitest'
import { hideForms, secretForms } from './secret-forms.ts'

const SECRET = `sk-a"b\\c/d+e=f&g<h'i j~1234`
const base64 = (text: string) => btoa(text)

describe('a secret', () => {
  it.each([
    ['as it is', SECRET],
    ['behind Bearer', `Bearer ${SECRET}`],
    ['in JSON', JSON.stringify({ a: SECRET })],
    ['in JSON in JSON', JSON.stringify({ a: JSON.stringify({ a: SECRET }) })],
    ['in JSON whose slashes are escaped', JSON.stringify(SECRET).replaceAll('/', '\\/')],
    ['in a URL', `http://a/?k=${encodeURIComponent(SECRET)}`],
    [
      'in a URL with small letters',
      `http://a/?k=${encodeURIComponent(SECRET).replace(/%../g, (escape) => escape.toLowerCase())}`,
    ],
    ['in a URL that leaves slashes', encodeURIComponent(SECRET).replaceAll('%2F', '/')],
    ['in a URL that is strict', encodeURIComponent(SECRET).replaceAll("'", '%27').replaceAll('%2F', '/')],
    ['in a whole URL', encodeURI(`http://a/${SECRET}`)],
    [
      'in HTML with numbers',
      SECRET.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&#34;').replaceAll("'", '&#39;'),
    ],
    ['in HTML whose quotes stay', SECRET.replaceAll('&', '&amp;').replaceAll('<', '&lt;')],
    ['in a form', new URLSearchParams({ k: SECRET }).toString()],
    ['in capitals', SECRET.toUpperCase()],
    ['in small letters', SECRET.toLowerCase()],
    [
      'in HTML',
      SECRET.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
    ],
    ['as base64', base64(SECRET)],
    ['as base64 behind one character', base64(`x${SECRET}`)],
    ['as base64 behind two and before others', base64(`xy${SECRET}: more`)],
    ['as base64 of a Basic header', base64(`user:${SECRET}`)],
    ['as base64 of a Bearer header', base64(`Bearer ${SECRET}`)],
    ['as base64 for URLs', base64(SECRET).replaceAll('+', '-').replaceAll('/', '_')],
    ['as hex', [...SECRET].map((letter) => letter.charCodeAt(0).toString(16)).join('')],
  ])('is hidden %s', (_, text) => {
    const hidden = hideForms(text, secretForms(SECRET))
    expect(hidden).toContain('[hidden]')
    expect(hidden).not.toContain('1234')
    expect(hidden.replace('[hidden]', '').length).toBeLessThan(text.length - 20)
  })
  it('leaves what only resembles it', () => {
    const text = 'sk-a"b\\c/d is not the key'
    expect(hideForms(text, secretForms(SECRET))).toBe(text)
  })
  it('is not hidden when it is so short that words contain it', () => {
    expect(secretForms('admin')).toEqual([])
  })
  it('may contain letters outside ASCII, and half a surrogate pair', () => {
    expect(hideForms(JSON.stringify('pässwörd\ud800'), secretForms('pässwörd\ud800'))).toBe('"[hidden]"')
  })
})
