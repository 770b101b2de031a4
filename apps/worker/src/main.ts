import { hostname } from 'node:os'
import { runProcess } from '@automagik-spark/runtime'
import { makeWorker } from './start.ts'

await runProcess({
  proc: process,
  env: process.env,
  role: 'worker',
  async start(foundation) {
    const worker = await makeWorker(foundation, { hostname: hostname(), pid: process.pid })
    return worker.stop
  },
})
