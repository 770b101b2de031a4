/** The text of a file that a person has saved, without the byte order mark of some editors; null when it is UTF-16, as Windows may write it. */
export const decodeText = (bytes: Uint8Array): string | null =>
  bytes.includes(0) ? null : new TextDecoder().decode(bytes)

/** Line ends of Windows and of old Macs become `\n`: Node's `parseEnv` would read a carriage return as part of the value. */
export const withUnixLineEnds = (text: string): string => text.replace(/\r\n?/g, '\n')
