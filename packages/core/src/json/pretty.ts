import { endOfString } from './slice.ts'
import type { JsonText } from './text.ts'

const SPACE = /[ \t\n\r]*/y
const WORD = /[^\s,:{}[\]"]+/y
const take = (pattern: RegExp, text: string, at: number): string => {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}

/** Indents JSON text as `JSON.stringify(value, null, 2)` does, and keeps every digit, key and escape. */
export const prettyJson = (text: JsonText): string => {
  const parts: string[] = []
  let depth = 0
  const line = () => `\n${'  '.repeat(depth)}`
  for (let at = 0; at < text.length;) {
    at += take(SPACE, text, at).length
    const character = text[at]
    if (character === undefined) break
    if (character === '"') {
      const end = endOfString(text, at)
      parts.push(text.slice(at, end))
      at = end
    } else if (character === '{' || character === '[') {
      const next = at + 1 + take(SPACE, text, at + 1).length
      const isEmpty = text[next] === '}' || text[next] === ']'
      depth += isEmpty ? 0 : 1
      parts.push(character, isEmpty ? text[next]! : line())
      at = isEmpty ? next + 1 : next
    } else if (character === '}' || character === ']') {
      depth--
      parts.push(line(), character)
      at++
    } else if (character === ',' || character === ':') {
      parts.push(character, character === ',' ? line() : ' ')
      at++
    } else {
      const word = take(WORD, text, at)
      parts.push(word)
      at += Math.max(1, word.length)
    }
  }
  return parts.join('')
}
