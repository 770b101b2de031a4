/** Whether this runs in CI, by the variable that every CI sets. */
export const isCi = !['', '0', 'false'].includes(process.env.CI ?? '')
