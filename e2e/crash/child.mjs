// The built worker or API as a process of its own, with short leases. It is loaded ahead, and starts when it is told what to be.
import { startApi } from '@automagik-spark/api'
import { runProcess, VERSION } from '@automagik-spark/runtime'
import { startWorker } from '@automagik-spark/worker'

const starts = {
  api: (foundation) => startApi(foundation).then((api) => ({ told: { url: api.url }, stop: api.close })),
  worker: async (foundation, times) => {
    // No luck in it: a retry comes with the next second.
    const worker = await startWorker({
      ...foundation,
      random: () => 0,
      hostname: 'crash',
      pid: process.pid,
      version: VERSION,
      concurrency: 20,
      maxOutputBytes: 1_048_576,
      times,
    })
    const stop = async () => {
      await foundation.wakeUps.stop()
      await worker.stop()
    }
    return { told: {}, stop }
  },
}

process.once('message', ({ role, env, times }) =>
  runProcess({
    proc: process,
    env,
    role,
    async start(foundation) {
      const { told, stop } = await starts[role](foundation, times)
      process.send(told)
      return stop
    },
  }),
)
process.once('disconnect', () => process.exit(1)) // whoever started it is gone
process.send('loaded')
