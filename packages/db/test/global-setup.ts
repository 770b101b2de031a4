import type { TestProject } from 'vitest/node'
import type { TemporaryServer } from '../src/testing.ts'
import { ensureTemplate, startTemporaryServer } from '../src/testing.ts'
import { startOtherServer } from './other-server.ts'

declare module 'vitest' {
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- only an interface can be added to
  export interface ProvidedContext {
    /** A running PostgreSQL for `freshDatabase`. */
    postgresUrl: string
  }
}

let server: TemporaryServer | null = null

/** One PostgreSQL for all test files. Should the run be killed, it goes with it. */
export const setup = async (project: TestProject): Promise<void> => {
  const bin = process.env.SPARK_TEST_POSTGRES_BIN // of another PostgreSQL than the embedded one
  server = await (bin ? startOtherServer(bin) : startTemporaryServer())
  try {
    await ensureTemplate(server.url)
  } catch (error) {
    await teardown() // vitest calls it only after a setup that succeeded
    throw error
  }
  project.provide('postgresUrl', server.url)
}

export const teardown = async (): Promise<void> => server?.close()
