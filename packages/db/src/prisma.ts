import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import { Prisma, PrismaClient } from './generated/client.ts'
import type { Sql } from './sql.ts'

export type Client = PrismaClient

export const makePrisma = (pool: pg.Pool): PrismaClient => new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: false }) })

/** A unique index said no. */
export const isDuplicate = (error: unknown): boolean => error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002'

/** SQL's NULL for a json column: Prisma tells it from JSON's null. */
export const json = (value: unknown): Prisma.InputJsonValue | typeof Prisma.DbNull =>
  value === null || value === undefined ? Prisma.DbNull : (value as Prisma.InputJsonValue) // checked by the contract's `Json`

/** Statements that give rows back, inside a transaction of Prisma's. */
export const sqlOf = (tx: Pick<Client, '$queryRawUnsafe'>): Sql => ({
  async query<Row>(text: string, values: unknown[] = []) {
    // The row's type is the caller's word: it stands beside the statement.
    const rows = await tx.$queryRawUnsafe<Row[]>(text, ...values)
    return { rows, rowCount: rows.length }
  },
})
