import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { Prisma, PrismaClient } from './generated/client.ts'

export type Client = PrismaClient

/** @param schema of the tables: Prisma names it in every statement. Null: `public`. */
export const makePrisma = (pool: pg.Pool, schema: string | null): PrismaClient =>
  new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: false, ...(schema !== null && { schema }) }) })

/** Whether a unique index refused a row, of Prisma or of a statement. */
export const isDuplicate = (error: unknown): boolean =>
  error instanceof Prisma.PrismaClientKnownRequestError
    ? error.code === 'P2002'
    : error instanceof pg.DatabaseError && error.code === '23505'

/** A value for a jsonb column. Null is SQL's NULL, which Prisma does not take for JSON's null. */
export const json = (value: unknown): Prisma.InputJsonValue | typeof Prisma.DbNull =>
  value === null || value === undefined ? Prisma.DbNull : value // checked by the contract's `Json`
