import type pg from 'pg'

/** Each object of a schema, such as `column tasks.input`, and its definition. Names of the schema itself are not in it. */
export type Catalog = Map<string, string>

/**
 * Tables, their columns, indexes, constraints, triggers, sequences and extended statistics, and all functions named spark_….
 * Left out: the order of columns, owners, grants, comments, and whatever else is in the schema.
 */
const QUERY = `
  WITH schema AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = current_schema()),
  tables AS (
    SELECT c.* FROM pg_class c JOIN schema ON c.relnamespace = schema.oid
    WHERE c.relkind IN ('r', 'p') AND c.relname <> '_prisma_migrations' AND ($1::text[] IS NULL OR c.relname = ANY ($1))
  )
  SELECT 'table ' || t.relname AS object,
    concat_ws(' ', CASE WHEN t.relkind = 'p' THEN 'partitioned' END, CASE WHEN t.relpersistence <> 'p' THEN 'unlogged' END,
      array_to_string(t.reloptions, ','), CASE WHEN t.relrowsecurity THEN 'row level security' END) AS definition
  FROM tables t
  UNION ALL
  SELECT 'column ' || t.relname || '.' || a.attname,
    concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attcollation <> y.typcollation THEN 'collate ' || l.collname END,
      CASE WHEN a.attnotnull THEN 'not null' END, 'default ' || pg_get_expr(d.adbin, d.adrelid), 'identity ' || nullif(a.attidentity::text, ''),
      'generated ' || nullif(a.attgenerated::text, ''), CASE WHEN a.attstorage <> y.typstorage THEN 'storage ' || a.attstorage::text END,
      'statistics ' || nullif(a.attstattarget::int, -1), array_to_string(a.attoptions, ','))
  FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type y ON y.oid = a.atttypid
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  UNION ALL
  SELECT 'index ' || i.indexrelid::regclass, concat_ws(' ', pg_get_indexdef(i.indexrelid, 0, true), CASE WHEN NOT i.indisvalid THEN 'invalid' END)
  FROM tables t JOIN pg_index i ON i.indrelid = t.oid
  UNION ALL
  -- Without NOT NULL (type n), which PostgreSQL 18 also keeps here, under names that depend on how it was said.
  SELECT 'constraint ' || t.relname || '.' || c.conname, pg_get_constraintdef(c.oid, true)
  FROM tables t JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype <> 'n'
  UNION ALL
  SELECT 'trigger ' || t.relname || '.' || g.tgname, concat_ws(' ', pg_get_triggerdef(g.oid, true), 'enabled ' || nullif(g.tgenabled::text, 'O'))
  FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
  UNION ALL
  SELECT 'sequence ' || s.seqrelid::regclass, concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle, s.seqcache)
  FROM tables t JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    JOIN pg_sequence s ON s.seqrelid = d.objid
  UNION ALL
  SELECT 'statistics ' || x.stxname, pg_get_statisticsobjdef_columns(x.oid)
  FROM tables t JOIN pg_statistic_ext x ON x.stxrelid = t.oid
  UNION ALL
  SELECT 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    replace(pg_get_functiondef(p.oid), 'FUNCTION ' || quote_ident(schema.nspname) || '.', 'FUNCTION ')
  FROM schema JOIN pg_proc p ON p.pronamespace = schema.oid
  WHERE p.prokind = 'f' AND p.proname LIKE 'spark\\_%'`

/**
 * What is in the first schema of the search_path, which must be the only one: then PostgreSQL writes names without it.
 * `tables`: only of these; by default all but Prisma's own.
 */
export const readCatalog = async (client: pg.ClientBase, tables: string[] | null = null): Promise<Catalog> => {
  const { rows } = await client.query<{ object: string; definition: string }>(QUERY, [tables])
  return new Map(rows.map(({ object, definition }) => [object, definition]))
}

export const tablesOf = (catalog: Catalog): string[] =>
  [...catalog.keys()].filter((object) => object.startsWith('table ')).map((object) => object.slice('table '.length))

/** Longer definitions are not quoted in a sentence. */
const MOST_QUOTED = 80

const difference = (object: string, found: string | undefined, wanted: string | undefined): string => {
  if (found === undefined) return `${object} is missing`
  if (wanted === undefined) return `${object} is not Spark's`
  if (found.length > MOST_QUOTED || wanted.length > MOST_QUOTED) return `${object} is different`
  return `${object} is "${found}" instead of "${wanted}"`
}

/** Each difference in a few words; empty when both are equal. */
export const compareCatalogs = (found: Catalog, wanted: Catalog): string[] =>
  [...new Set([...wanted.keys(), ...found.keys()])]
    .filter((object) => found.get(object) !== wanted.get(object))
    .sort()
    .map((object) => difference(object, found.get(object), wanted.get(object)))
