import { jsonText } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../json/reader.ts'
import { isFromElsewhere, lostIn, strangersIn } from './drift.ts'

const data = (text: string) => {
  const words = text.split(' ')
  return {
    nodes: words
      .filter((word) => !word.includes('>'))
      .map((id) => ({ id, data: { id, type: id.split('-')[0], node: { template: { input_value: { value: '' } } } } })),
    edges: words
      .filter((word) => word.includes('>'))
      .map((word) => ({ source: word.split('>')[0], target: word.split('>')[1] })),
  } as unknown as JsonValue
}
const TWO = data(
  'WebhookParser-1 ChatOutput-2 ChatInput-3 ChatOutput-4 WebhookParser-1>ChatOutput-2 ChatInput-3>ChatOutput-4',
)
const use = { input_value: jsonText('hi'), tweaks: null, input_component: null, output_component: null, data: TWO }

describe('isFromElsewhere', () => {
  it.each([
    ['the output that has to run', TWO, ['ChatOutput-4'], false],
    ['an output that does not run', TWO, ['ChatOutput-2'], true],
    ['a component that the copy does not have', TWO, ['ChatOutput-9'], true],
    ['nowhere', TWO, [], true],
    ['nowhere, of a flow without an output', data('ChatInput-1'), [], false],
    [
      'one of two outputs',
      data('ChatInput-1 ChatOutput-2 ChatOutput-3 ChatInput-1>ChatOutput-2 ChatInput-1>ChatOutput-3'),
      ['ChatOutput-3'],
      false,
    ],
    ['what nobody has a graph of', null, ['ChatOutput-1'], false],
  ])('an answer from %s: %s %j', (_, graph, from, expected) =>
    expect(isFromElsewhere(graph, from, 'by type')).toBe(expected),
  )
})

describe('strangersIn', () => {
  it('names each component once that the flow does not have, and none where there is no graph', () => {
    expect(strangersIn(TWO, ['ChatInput-3', 'New-1', 'New-2', 'New-1'], 'by type')).toEqual(['New-1', 'New-2'])
    expect(strangersIn(null, ['New-1'], 'by type')).toEqual([])
    expect(
      strangersIn(
        TWO,
        Array.from({ length: 5_000 }, (_, at) => `New-${at}`),
        'by type',
      ),
    ).toHaveLength(20)
  })
})

describe('lostIn', () => {
  it('reports an answer from a part that the input does not reach, whatever the graph shows', () => {
    expect(lostIn(use, TWO, ['ChatOutput-2'], 'by type')).toBe(
      'The answer came from ChatOutput-2, where the input does not lead: this Langflow starts elsewhere than the flow shows, and ran it without the input.',
    )
    expect(lostIn(use, TWO, ['ChatOutput-4'], 'by type')).toBeNull()
    expect(lostIn(use, TWO, [], 'by type')).toBeNull()
    expect(lostIn({ ...use, input_value: null }, TWO, ['ChatOutput-2'], 'by type')).toBeNull()
  })
  it('reports a flow that now starts elsewhere', () => {
    expect(
      lostIn(
        use,
        data('Webhook-8 ChatOutput-9 ChatInput-3 ChatOutput-4 Webhook-8>ChatOutput-9 ChatInput-3>ChatOutput-4'),
        ['ChatOutput-9'],
        'by type',
      ),
    ).toContain('Langflow starts at Webhook-8 now')
  })
})
