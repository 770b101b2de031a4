import { afterAll, beforeAll } from 'vitest'

/**
 * Opens something for the tests of a file, or of a `describe` block: it is filled before the first of them, and closed after the last.
 * Read its fields inside tests and hooks: before that it is empty.
 */
export const useFixture = <Fixture extends { close: () => Promise<unknown> }>(
  open: () => Promise<Fixture>,
): Fixture => {
  const fixture: Partial<Fixture> = {}
  beforeAll(async () => {
    Object.assign(fixture, await open())
  })
  afterAll(() => fixture.close?.())
  return fixture as Fixture // no test runs before the hook above
}
