import type { FlowNode } from './flows.ts'
import type { LangflowVersion } from './recorded.ts'

/** One field that a tweak really changes. */
export type Tweak = { component: string; field: string; value: unknown }

/**
 * What a body's `tweaks` change in a flow, by the rules that run_tweak_* show: a component is named by id or display name; a text
 * at the top goes to every component with that field; what names no component or no field of it is ignored, and so is a number
 * at the top. `code` is ignored by 1.7.3 and refused by 1.13.0.
 */
export const effectiveTweaks = (tweaks: Record<string, unknown>, nodes: FlowNode[], version: LangflowVersion): Tweak[] => {
  const found = Object.entries(tweaks).flatMap(([name, given]): Tweak[] => {
    if (typeof given !== 'object' || given === null) {
      const having = typeof given === 'string' ? nodes.filter((node) => name in node.data.node.template) : []
      return having.map((node) => ({ component: node.id, field: name, value: given }))
    }
    const node = nodes.find(({ id, data }) => id === name || data.node.display_name === name)
    if (!node) return []
    return Object.entries(given)
      .filter(([field]) => field in node.data.node.template || (field === 'code' && version !== '1.7.3'))
      .map(([field, value]) => ({ component: node.id, field, value }))
  })
  return found.sort((one, other) => nameOf(one).localeCompare(nameOf(other)))
}

export const nameOf = ({ component, field }: Tweak): string => `${component}.${field}`
