import { runProcess } from '@automagik-spark/runtime'
import { startApi } from './start.ts'

await runProcess({
  proc: process,
  env: process.env,
  role: 'api',
  async start(foundation) {
    const api = await startApi(foundation)
    foundation.logger.info({ url: api.url }, 'API is listening')
    return api.close
  },
})
