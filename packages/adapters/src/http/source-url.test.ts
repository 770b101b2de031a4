import { DomainError, SourceError } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import { callUrl, normalizeSourceUrl, pathSegment } from './source-url.ts'

describe('normalizeSourceUrl', () => {
  it.each([
    ['http://localhost:7860', 'http://localhost:7860'],
    ['http://localhost:7860/', 'http://localhost:7860'],
    ['HTTP://LocalHost:7860///', 'http://localhost:7860'],
    [' http://localhost:7860 ', 'http://localhost:7860'],
    ['http://localhost:80', 'http://localhost'],
    ['https://host:443/langflow/', 'https://host/langflow'],
    ['https://host/a/../b/./c', 'https://host/b/c'],
    ['https://host/flow?x=1#y', 'https://host/flow'],
    ['http://127.1:7860', 'http://127.0.0.1:7860'],
    ['http://0x7f000001', 'http://127.0.0.1'],
    ['http://[0:0::1]:7860', 'http://[::1]:7860'],
    ['http://BÜCHER.example', 'http://xn--bcher-kva.example'],
    ['http:///host', 'http://host'],
  ])('%j is kept as %s', (given, kept) => {
    expect(normalizeSourceUrl(given)).toBe(kept)
    expect(normalizeSourceUrl(kept)).toBe(kept)
  })

  it.each([
    ['', 'must begin with http:// or https://'],
    ['localhost:7860', 'must begin with http:// or https://'],
    ['ftp://host', 'must begin with http:// or https://'],
    ['file:///etc/passwd', 'must begin with http:// or https://'],
    ['javascript:alert(1)', 'must begin with http:// or https://'],
    ['http://', 'is not a valid URL'],
    ['http://host:99999', 'is not a valid URL'],
    ['http://a b', 'is not a valid URL'],
    ['http://user@host', 'user name'],
    ['http://:secret@host', 'user name'],
    ['http://ho\nst', 'control character'],
    ['http://host\\@evil', 'backslash'],
  ])('%j is refused: %s', (given, message) => {
    let thrown: unknown
    try {
      normalizeSourceUrl(given)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(DomainError)
    expect(thrown).toMatchObject({ code: 'invalid', errors: [{ path: 'url' }] })
    expect(String(thrown)).toContain(message)
    expect(String(thrown)).not.toContain('secret')
  })
})

describe('pathSegment', () => {
  it.each([
    ['4d2a5a29-b0f8-4aed-9652-6eed1c0a12e8', '4d2a5a29-b0f8-4aed-9652-6eed1c0a12e8'],
    ['rig echo', 'rig%20echo'],
    ['a?b#c', 'a%3Fb%23c'],
    ['olá', 'ol%C3%A1'],
    ['...', '...'],
    ['a;b=c', 'a%3Bb%3Dc'],
  ])('%j becomes %s', (id, segment) => expect(pathSegment(id)).toBe(segment))

  it.each([
    '',
    '.',
    '..',
    '../x',
    'a/b',
    'a\\b',
    '%2e%2e',
    '%2e%2e%2f',
    '..%252f',
    'a\u0000b',
    'a\r\nb',
    '\ud800',
    'x'.repeat(501),
  ])('refuses %j', (id) => {
    expect(() => pathSegment(id)).toThrow(SourceError)
  })
})

describe('callUrl', () => {
  it('stays below the source', () => {
    expect(callUrl('http://host/base', 'api/v1/flows/', { get_all: 'true' })).toBe(
      'http://host/base/api/v1/flows/?get_all=true',
    )
    expect(callUrl('http://host', '')).toBe('http://host/')
    expect(() => callUrl('http://host/base', '../api')).toThrow()
  })
})
