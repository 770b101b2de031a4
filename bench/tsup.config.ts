import { defineConfig } from 'tsup'
import { build } from '../tsup.shared.ts'

const floors = Object.fromEntries(
  ['list-server', 'table-runner', 'agenda-runner', 'large-agent'].map((name) => [name, `floor/${name}.ts`]),
)

export default defineConfig(build({ main: 'main.ts', ...floors }, { dts: false }))
