import { describe, expect, it } from 'vitest'
import { reasonOf } from './error-reason.ts'

describe('reasonOf', () => {
  it.each([
    ['a text', { detail: 'Flow not found' }, 'Flow not found'],
    [
      'JSON in the text',
      { detail: '{"message":"Error running graph: \\n\\nrig","traceback":null}' },
      'Error running graph: rig',
    ],
    [
      'a list of places',
      {
        detail: [
          { type: 'missing', loc: ['body', 'input_request'], msg: 'Field required' },
          { loc: ['query', 0], msg: 'bad' },
        ],
      },
      'body.input_request: Field required; query.0: bad',
    ],
    [
      'an object',
      { detail: { error: 'Refused tweaks', code: 'TWEAKS_REFUSED', message: 'The field is protected.' } },
      'The field is protected.',
    ],
    ['an unhandled error', { message: 'boom' }, 'boom'],
    ['a stream event', { error: '500: {"message":"Error running graph","code":null}' }, 'Error running graph'],
    ['text that only looks like JSON', { detail: '{oops' }, '{oops'],
    ['JSON without a message', { detail: '{"a":1}' }, '{"a":1}'],
    ['nothing', { detail: null }, null],
    ['an empty text', { detail: ' ' }, null],
    ['a number', 5, null],
    ['itself, too deep', { detail: { detail: { detail: { detail: { detail: { detail: 'x' } } } } } }, null],
  ])('finds it in %s', (_, body, reason) => expect(reasonOf(body)).toBe(reason))

  it('is one line of at most 2,000 characters', () => {
    expect(reasonOf({ detail: 'a\nb'.repeat(5000) })).toHaveLength(2000)
    expect(reasonOf({ detail: 'a\u0000\nb' })).toBe('a b')
  })
})
