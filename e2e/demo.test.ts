import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { removeDir, run, tempDir } from './spark.ts'

const dir = tempDir()
afterAll(() => removeDir(dir))

it('the demo shows a completed run of the echo flow, and ends with its Spark and its sample server', async () => {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const demo = run(join(root, 'scripts/demo.mjs'), [], {
    env: { API_PORT: '0', SPARK_DEMO_LANGFLOW_PORT: '0', SPARK_DATA_DIR: join(dir, 'data') },
    cwd: root,
  })
  await demo.says(/Its first run: completed, "Good morning!"; the next is due at \d{4}-/)
  const [, url] = await demo.says(/Spark is ready at (http:\S+)/)
  expect(await demo.stop('SIGINT')).toBe(0)
  await expect(fetch(`${url}/health`)).rejects.toThrow()
})
