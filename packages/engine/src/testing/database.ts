import type { Db } from '@automagik-spark/db'

/** Deletes all rows. An answer may be settled just then, which locks in the other order: a transaction is tried again. */
export const clear = (stack: { db: Db }, ...tables: ('schedules' | 'tasks')[]): Promise<void> =>
  stack.db.sql.transaction(async (tx) => {
    for (const table of tables) await tx.query(`DELETE FROM ${table}`)
  })

/** Moves PostgreSQL's clock, which is the one that decides. */
export const moveClock = async (
  stack: { db: Db; engine: { health: { check: () => Promise<void> } } },
  ms: number,
): Promise<void> => {
  await stack.db.sql.query(
    `CREATE OR REPLACE FUNCTION spark_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
     $$ SELECT date_trunc('milliseconds', clock_timestamp() + ${Math.trunc(ms)} * interval '1 millisecond') $$`,
  )
  await stack.engine.health.check()
}
