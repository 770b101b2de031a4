import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { env, untilSigterm } from './env.ts'

/** An agno AgentOS with one agent: each run takes the same time, and its answer is as large as Spark accepts. */
const latencyMs = Number(env('LATENCY_MS'))
const answer = Buffer.from(JSON.stringify({ status: 'COMPLETED', content: 'x'.repeat(Number(env('ANSWER_BYTES'))) }))
const agent = { id: 'large', name: 'Large', description: 'Answers at length.' }

const pages: Record<string, unknown> = {
  '/': { name: 'AgentOS API', version: '1.0.0' },
  '/health': { status: 'ok' },
  '/agents': [agent],
  '/agents/large': agent,
  '/teams': [],
  '/workflows': [],
}

const server = createServer((request, response) => {
  const send = (status: number, body: Buffer) =>
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.byteLength }).end(body)
  request.resume().on('end', () => {
    if (request.method === 'POST') return void setTimeout(() => send(200, answer), latencyMs)
    const page = pages[request.url ?? '']
    send(page ? 200 : 404, Buffer.from(JSON.stringify(page ?? { detail: 'Not Found' })))
  })
}).listen(0, '127.0.0.1')
await once(server, 'listening')
process.stdout.write(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`) // listening on TCP
await untilSigterm()
server.closeAllConnections()
server.close()
