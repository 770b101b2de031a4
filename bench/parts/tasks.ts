import type { Compared, Target } from '../load.ts'
import { AT_ONCE, compare, makeCaller, warmUp } from '../load.ts'
import { MAX_CONCURRENCY } from '../options.ts'
import type { Part } from '../part.ts'
import type { Stack } from '../stack.ts'
import { cpuFigure, figure, table } from '../table.ts'

const ROWS = 10_000
const LIMIT = 50

type TasksResult = { rows: number; limit: number; answer_bytes: number; floor_bytes: number; measured: Compared[] }

/** Fills the table with finished runs: copies of a real one, a minute apart. VACUUM does what autovacuum would do within a minute. */
const fill = async ({ spark, database, workflow_id }: Stack): Promise<void> => {
  const { id } = await spark.client.workflows.run(workflow_id, 'How is the weather in Lisbon?')
  await database.client.query(
    `INSERT INTO tasks SELECT copy.* FROM tasks t CROSS JOIN generate_series(1, $2::int) i
     CROSS JOIN LATERAL (SELECT -i * interval '1 minute' AS shift) s
     CROSS JOIN LATERAL jsonb_populate_record(t, jsonb_build_object('id', uuidv7(s.shift), 'created_at', t.created_at + s.shift,
       'started_at', t.started_at + s.shift, 'finished_at', t.finished_at + s.shift, 'updated_at', t.updated_at + s.shift)) copy
     WHERE t.id = $1`,
    [id, ROWS - 1],
  )
  await database.client.query('VACUUM (ANALYZE) tasks')
}

/** `GET /tasks` beside a bare server that selects the same rows. */
const measureTasks = async (stack: Stack, seconds: number): Promise<TasksResult> => {
  const { spark, signal, progress, cpu, startFloor } = stack
  progress(`filling the table of runs with ${ROWS}`)
  await fill(stack)
  const floorServer = await startFloor('list-server')
  const connections = Math.max(...AT_ONCE)
  const sparkCaller = makeCaller(spark.url, { connections, headers: { 'x-api-key': spark.key } })
  const floorCaller = makeCaller(floorServer.said, { connections, headers: {} })
  const path = `/api/v1/tasks?limit=${LIMIT}`
  try {
    const answers = [await sparkCaller.call(path), await floorCaller.call('/')] as const
    for (const { status, body } of answers) {
      const page = JSON.parse(body.toString()) as { items?: unknown[] } // Spark's and the floor's own JSON
      if (status !== 200 || page.items?.length !== LIMIT)
        throw new Error(`not a page of ${LIMIT} runs: ${status} ${body.toString().slice(0, 300)}`)
    }
    const target = (caller: typeof sparkCaller, where: string, size: number, pid: number): Target => ({
      async once() {
        const { status, body } = await caller.call(where)
        if (status !== 200 || Math.abs(body.length - size) > size / 10)
          throw new Error(`GET ${where}: ${status}, ${body.length} bytes instead of ${size}`)
      },
      cpu: () => cpu(pid),
    })
    const [answer_bytes, floor_bytes] = answers.map(({ body }) => body.length) as [number, number] // of the two above
    const both = {
      spark: target(sparkCaller, path, answer_bytes, spark.pid),
      floor: target(floorCaller, '/', floor_bytes, floorServer.pid),
    }
    progress('GET /tasks: warming up')
    await warmUp([both.floor, both.spark], signal)
    const measured: Compared[] = []
    for (const atOnce of AT_ONCE) {
      progress(`GET /tasks, ${atOnce} at once`)
      measured.push({ at_once: atOnce, ...(await compare({ ...both, atOnce, seconds, signal })) })
    }
    return { rows: ROWS, limit: LIMIT, answer_bytes, floor_bytes, measured }
  } finally {
    await Promise.all([sparkCaller.close(), floorCaller.close()])
    await floorServer.stop()
  }
}

const tasksTable = ({ rows, limit, answer_bytes, floor_bytes, measured }: TasksResult): string =>
  [
    `GET /tasks?limit=${limit} of ${rows} runs, ${figure(answer_bytes / 1024)} KiB an answer; floor: node:http and pg, the same rows without a total, ${figure(floor_bytes / 1024)} KiB`,
    table(
      [
        'at once',
        'Spark/s',
        'floor/s',
        'ratio',
        'p50 ms',
        'floor',
        'ratio',
        'p99 ms',
        'floor',
        'ratio',
        'CPU ms (Node + PostgreSQL)',
        'floor',
      ],
      measured.map(({ at_once, spark, floor }) => [
        String(at_once),
        figure(spark.per_second),
        figure(floor.per_second),
        figure(spark.per_second / floor.per_second),
        figure(spark.p50_ms),
        figure(floor.p50_ms),
        figure(spark.p50_ms / floor.p50_ms),
        figure(spark.p99_ms),
        figure(floor.p99_ms),
        figure(spark.p99_ms / floor.p99_ms),
        cpuFigure(spark.cpu_ms),
        cpuFigure(floor.cpu_ms),
      ]),
    ),
  ].join('\n')

export const tasks: Part = {
  name: 'tasks',
  async measure({ options, open }) {
    const result = await open({ concurrency: MAX_CONCURRENCY }, (stack) => measureTasks(stack, options.seconds))
    return { result, text: tasksTable(result), targets: [] }
  },
}
