import { defineConfig } from 'tsup'
import { build } from '../tsup.shared.ts'

export default defineConfig(build({ storm: 'storm/main.ts' }, { dts: false }))
