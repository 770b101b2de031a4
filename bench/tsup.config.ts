import { defineConfig } from 'tsup'
import { build } from '../tsup.shared.ts'

export default defineConfig(build({ main: 'main.ts', 'list-server': 'floor/list-server.ts', 'job-runner': 'floor/job-runner.ts' }, { dts: false }))
