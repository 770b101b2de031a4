import { defineConfig } from 'tsup'
import { build } from '../../tsup.shared.ts'

export default defineConfig(build({ main: 'src/main.ts' }, { dts: false }))
