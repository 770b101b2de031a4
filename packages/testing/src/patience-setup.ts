// Runs before each test file: on a busy machine its waits get more time. `expect.poll` would wait a second.
import { inject, vi } from 'vitest'
import { patience, patient } from './patience.ts'

declare module 'vitest' {
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- only an interface can be added to
  export interface ProvidedContext {
    /** The limits of a project on an idle machine, and by what they were multiplied when vitest started. */
    limits: { testTimeout: number; hookTimeout: number; startedWith: number }
  }
}

// A machine can become busy after vitest has read its configuration.
const { testTimeout, hookTimeout, startedWith } = inject('limits')
if (patience() > startedWith) vi.setConfig({ testTimeout: patient(testTimeout), hookTimeout: patient(hookTimeout) })
vi.setConfig({ expect: { poll: { timeout: patient(1_000) } } })
