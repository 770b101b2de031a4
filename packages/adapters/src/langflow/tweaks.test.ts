import { asJsonText, jsonText } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../json/reader.ts'
import { graphOf } from './graph.ts'
import { checkRun } from './request.ts'
import { codeTweaks, mistypedTweaks, overfedTweaks, tweakOfTheInput, unplacedTweaks } from './tweaks.ts'

const node = (id: string, display_name: string, template: Record<string, unknown>) => ({
  id,
  data: { id, type: id.split('-')[0], node: { display_name, template } },
})
const data = {
  nodes: [
    node('ChatInput-1', 'Chat Input', {
      input_value: { type: 'str', value: '' },
      sender: { type: 'str' },
      _type: 'Component',
    }),
    node('Prompt-2', 'Prompt', {
      template: { type: 'prompt', value: '' },
      headers: { type: 'dict', value: {} },
      name: { type: 'str', load_from_db: false },
    }),
    node('Prompt-3', 'Prompt', { other: { type: 'str' } }),
    node('TextInput-4', 'Persona', { input_value: { type: 'str', value: '' } }),
    node('ChatOutput-5', 'Chat Output', { input_value: { type: 'str' } }),
  ],
  edges: [
    ['ChatInput-1', 'Prompt-2', 'name'],
    ['TextInput-4', 'Prompt-2', 'template'],
    ['Prompt-3', 'Prompt-2', 'x'],
    ['Prompt-2', 'ChatOutput-5', 'input_value'],
  ].map(([source, target, fieldName]) => ({ source, target, data: { targetHandle: { fieldName } } })),
} as unknown as JsonValue
const graph = graphOf(data)

describe('a tweak', () => {
  it.each([
    ['of a component by its id', { 'ChatInput-1': { sender: 'x' } }, []],
    ['of a component by its display name', { Persona: { input_value: 'x' } }, []],
    ['by the display name of several: it goes to the last', { Prompt: { other: 'x' } }, []],
    ['of all components that have the field', { input_value: 'x' }, []],
    ['with nothing in it', { 'ChatInput-1': {} }, []],
    ['of an object for a field that takes one', { 'Prompt-2': { headers: { a: 1 } } }, []],
    ['in the long form', { 'ChatInput-1': { sender: { value: 'x' } } }, []],
    ["of one of a field's own settings", { 'Prompt-2': { name: { load_from_db: true } } }, []],
    [
      'of a component that is not there',
      { 'ChatInput-9': { sender: 'x' } },
      ['a component "ChatInput-9", by id or by display name'],
    ],
    ['in other letters', { 'chat input': { sender: 'x' } }, ['a component "chat input", by id or by display name']],
    [
      'of a field that is not there',
      { 'ChatInput-1': { sendr: 'x', sender: 'y' } },
      ['a field "sendr" in ChatInput-1'],
    ],
    [
      'of a field that only the first of that name has',
      { Prompt: { template: 'x' } },
      ['a field "template" in Prompt-3'],
    ],
    ['of what is no field', { 'ChatInput-1': { _type: 'x' } }, ['a field "_type" in ChatInput-1']],
    [
      'of all components, none of which has the field',
      { temperature: 'x' },
      ['a field "temperature" in any component'],
    ],
    [
      'of an object for a text',
      { 'ChatInput-1': { sender: { a: 1 } } },
      ['a place for an object in the field "sender" of ChatInput-1 (give it as text, or as {"value": …})'],
    ],
    [
      'of several that are not there',
      { 'A-1': { b: 1 }, c: 'x' },
      ['a component "A-1", by id or by display name', 'a field "c" in any component'],
    ],
  ])('%s', (_, tweaks, unplaced) => expect(unplacedTweaks(graph, jsonText(tweaks))).toEqual(unplaced))

  it('of a doubled key counts as Langflow reads it', () =>
    expect(
      unplacedTweaks(graph, asJsonText('{"ChatInput-1":{"no":1},"ChatInput-1":{"sender":"x","sender":"y"}}')),
    ).toEqual([]))
  it('of a field that another component fills changes nothing', () =>
    expect(
      overfedTweaks(graph, jsonText({ 'Prompt-2': { name: 'x', headers: {} }, 'ChatOutput-5': { input_value: 'x' } })),
    ).toEqual(['Prompt-2.name', 'ChatOutput-5.input_value']))
})

it('a tweak of code is named', () => {
  const own = graphOf({
    nodes: [node('Own-1', 'Own', { code: { type: 'code', value: 'x' } })],
    edges: [],
  } as unknown as JsonValue)
  expect(codeTweaks(own, jsonText({ Own: { code: 'y' } }))).toEqual(['Own-1'])
  expect(codeTweaks(own, jsonText({ Own: {}, code: 'y' }))).toEqual([])
})

it('names a tweak that sets a text to something else', () => {
  expect(
    mistypedTweaks(
      graph,
      asJsonText(
        '{"ChatInput-1":{"sender":5,"input_value":"x"},"Prompt-2":{"name":null,"template":1,"headers":{}},"Prompt-3":{"other":true}}',
      ),
    ),
  ).toEqual(['ChatInput-1.sender', 'Prompt-2.name', 'Prompt-3.other'])
})

describe('an input and a tweak on the same field', () => {
  it('of a group, whose field stands for that of a component inside', () => {
    const inner = { data: { nodes: [node('ChatInput-7', 'Chat Input', { input_value: { type: 'str' } })], edges: [] } }
    const group = {
      id: 'Group-9',
      data: {
        id: 'Group-9',
        type: 'GroupNode',
        node: {
          display_name: 'Group',
          flow: inner,
          template: { 'input_value_ChatInput-7': { type: 'str', proxy: { id: 'ChatInput-7', field: 'input_value' } } },
        },
      },
    }
    expect(
      tweakOfTheInput(
        graphOf({ nodes: [group], edges: [] } as unknown as JsonValue),
        null,
        jsonText({ 'Group-9': { 'input_value_ChatInput-7': 'x' } }),
      ),
    ).toBe('Group-9.input_value_ChatInput-7')
  })
  it.each<[string, string | null, object, string | null]>([
    ['by id', null, { 'ChatInput-1': { input_value: 'x' } }, 'ChatInput-1.input_value'],
    ['by display name', null, { 'Chat Input': { input_value: 'x' } }, 'Chat Input.input_value'],
    ['by a tweak of all components', null, { input_value: 'x' }, 'input_value'],
    ['in the long form', null, { 'ChatInput-1': { input_value: { value: 'x' } } }, 'ChatInput-1.input_value'],
    ['of a chosen component', 'TextInput-4', { Persona: { input_value: 'x' } }, 'Persona.input_value'],
    ['not of another field', null, { 'ChatInput-1': { sender: 'x' } }, null],
    ['not of another input, whose tweak stays', null, { 'TextInput-4': { input_value: 'You are a pirate.' } }, null],
    ['not of the usual input when another was chosen', 'TextInput-4', { 'ChatInput-1': { input_value: 'x' } }, null],
  ])('%s', (_, chosen, tweaks, found) => expect(tweakOfTheInput(graph, chosen, jsonText(tweaks))).toBe(found))
  it('of a webhook', () => {
    const webhook = graphOf({
      nodes: [node('Webhook-1', 'Webhook', { data: { type: 'str' } })],
      edges: [],
    } as unknown as JsonValue)
    expect(tweakOfTheInput(webhook, null, jsonText({ 'Webhook-1': { data: '{}' } }))).toBe('Webhook-1.data')
    expect(tweakOfTheInput(webhook, null, jsonText({ data: '{}' }))).toBe('data')
    expect(tweakOfTheInput(webhook, null, jsonText({ 'Webhook-1': { endpoint: 'x' } }))).toBeNull()
  })

  const asked = {
    flow_type: 'flow' as const,
    input_component: null,
    data,
    server: null,
    tweaks: jsonText({ 'ChatInput-1': { input_value: 'x' } }),
  }
  it('is refused with a sentence that names both', () => {
    expect(checkRun({ ...asked, input_value: jsonText('hi') }).errors).toEqual([
      {
        path: 'tweaks.ChatInput-1.input_value',
        message: 'is the field that input_value fills: leave one of the two out',
      },
      {
        path: 'input_value',
        message: 'goes to the field that the tweak ChatInput-1.input_value sets: leave one of the two out',
      },
    ])
    expect(checkRun({ ...asked, input_value: jsonText('') }).errors).toHaveLength(2)
  })
  it('is not a conflict without an input', () => expect(checkRun({ ...asked, input_value: null }).errors).toEqual([]))
})
