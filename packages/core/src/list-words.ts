/** `a`, `a and b`, `a, b and c`. */
export const listWords = (texts: readonly string[], and: 'and' | 'or' = 'and'): string =>
  texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} ${and} ${texts.at(-1)}`
