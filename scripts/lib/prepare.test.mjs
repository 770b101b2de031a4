import { describe, expect, it } from 'vitest'
import { isAtLeast } from './node-version.mjs'
import { describeFailure } from './prepare.mjs'

describe('describeFailure', () => {
  const about = (...lines) =>
    describeFailure({ message: 'Installing libraries: failed after 3 s (exit code 1)', lines }, 'pnpm@1.2.3')

  it.each([
    ['ERR_PNPM_OUTDATED_LOCKFILE Cannot install', 'npx pnpm@1.2.3 install'],
    ['getaddrinfo ENOTFOUND registry.example', 'check the network'],
    ['write ENOSPC', 'disk is full'],
    ['EACCES: permission denied, mkdir', 'check who owns this folder'],
    ['self-signed: SELF_SIGNED_CERT_IN_CHAIN', 'NODE_EXTRA_CA_CERTS'],
    ['something else', 'run the command again'],
  ])('says what to try after "%s"', (line, hint) => {
    expect(about(line)).toContain(hint)
  })

  it('shows what failed, the last lines and no more of them', () => {
    const text = about(...Array.from({ length: 100 }, (_, at) => `line ${at}.`))
    expect(text).toMatch(/^Installing libraries: failed after 3 s/)
    expect(text).toContain('line 99.')
    expect(text).not.toContain('line 50.')
  })

  it('shows of turbo only the package that failed', () => {
    const text = about(
      '@automagik-spark/db:build: broken',
      '@automagik-spark/sdk:build: fine',
      '  Failed:    @automagik-spark/db#build',
    )
    expect(text).toContain('broken')
    expect(text).not.toContain('fine')
  })
})

describe('isAtLeast', () => {
  it.each([
    ['v20.19.0', true],
    ['v20.20.2', true],
    ['v22.0.0', true],
    ['v20.18.3', false],
    ['v18.20.0', false],
    ['v9.9.9', false],
  ])('says of %s against >=20.19: %s', (version, expected) => {
    expect(isAtLeast(version, '>=20.19')).toBe(expected)
  })
})
