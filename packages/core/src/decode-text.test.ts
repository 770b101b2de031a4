import { describe, expect, it } from 'vitest'
import { decodeText, withUnixLineEnds } from './decode-text.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)

describe('decodeText', () => {
  it('drops a byte order mark and keeps line ends', () => {
    expect(decodeText(bytesOf('\ufeffolá\r\n'))).toBe('olá\r\n')
  })
  it('does not take UTF-16 for text', () => {
    expect(decodeText(new Uint8Array([0xff, 0xfe, 0x41, 0x00]))).toBeNull()
  })
})

it('withUnixLineEnds replaces the line ends of Windows and of old Macs', () => {
  expect(withUnixLineEnds('a\r\nb\rc\nd\r\r\n')).toBe('a\nb\nc\nd\n\n')
})
