import { describe, expect, it } from 'vitest'
import type { Task } from '../contract-types.ts'
import { ConnectionError, NotFoundError, TimeoutError } from '../errors.ts'
import type { Call, Send } from '../request.ts'
import { makeTasks, resultText } from './tasks.ts'

const makeServer = (...answers: Array<Task['status'] | Error>) => {
  const asked: Call[] = []
  const send: Send = async <T>(call: Call) => {
    asked.push(call)
    const answer = answers[Math.min(asked.length, answers.length) - 1]!
    if (answer instanceof Error) throw answer
    return { data: { id: 't1', status: answer } as T, status: 200, headers: new Headers() }
  }
  return { tasks: makeTasks(send), asked }
}

describe('wait', () => {
  it.each(['completed', 'failed', 'cancelled'] as const)('ends with the task when it is %s', async (status) => {
    const { tasks, asked } = makeServer('pending', 'running', status)
    const seen: string[] = []
    expect(await tasks.wait('t1', { pollMs: 1, onPoll: (task) => seen.push(task.status) })).toMatchObject({ status })
    expect(seen).toEqual(['pending', 'running', status])
    expect(asked).toHaveLength(3)
  })

  it('names the last status when the time is up', async () => {
    const { tasks } = makeServer('running')
    const error = await tasks.wait('t1', { pollMs: 1, timeout: 20 }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TimeoutError)
    expect(String(error)).toContain('not finished after 0.02 s (running)')
  })

  it('survives a short outage of the server', async () => {
    const { tasks } = makeServer('running', new ConnectionError('refused'), new TimeoutError('late'), 'completed')
    expect(await tasks.wait('t1', { pollMs: 1 })).toMatchObject({ status: 'completed' })
  })

  it('ends at once when the task does not exist', async () => {
    const { tasks, asked } = makeServer(new NotFoundError('Task not found', { status: 404 }), 'completed')
    await expect(tasks.wait('t1', { pollMs: 1 })).rejects.toBeInstanceOf(NotFoundError)
    expect(asked).toHaveLength(1)
  })

  it("rejects with the signal's reason, also between two polls", async () => {
    const { tasks } = makeServer('running')
    const controller = new AbortController()
    const reason = new Error('enough')
    const waiting = tasks.wait('t1', {
      pollMs: 60_000,
      signal: controller.signal,
      onPoll: () => setTimeout(() => controller.abort(reason), 1),
    })
    await expect(waiting).rejects.toBe(reason)
  })
})

it.each([
  [{ result: 'Hi', answer: {} }, 'Hi'],
  [{ result: '' }, ''],
  [{ result: { a: 1 } }, null],
  [{ answer: 1 }, null],
  [null, null],
  ['text', null],
])('the text of %j is %j', (output_data, expected) => {
  expect(resultText({ output_data })).toBe(expected)
})
