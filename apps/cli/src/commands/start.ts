import type { Command } from 'commander'
import type { LocalCommands } from '../local-commands.ts'
import { addExamples, addGroup, given, wholeNumber } from '../options.ts'

type ApiOptions = { port?: number; host?: string }
type WorkerOptions = { concurrency?: number }

const addApiOptions = (command: Command): Command =>
  command
    .option('--port <port>', 'port of the API (API_PORT); 0 takes a free port', wholeNumber(0))
    .option('--host <address>', 'address to listen on (API_HOST)')
const addWorkerOptions = (command: Command): Command =>
  command.option('--concurrency <n>', 'how many runs at the same time (SPARK_WORKER_CONCURRENCY)', wholeNumber(1))

const overridesOf = ({ port, host, concurrency }: ApiOptions & WorkerOptions) =>
  given({ API_PORT: port?.toString(), API_HOST: host, SPARK_WORKER_CONCURRENCY: concurrency?.toString() })

export const addStart = (program: Command, { start, apiStart, workerStart }: LocalCommands): void => {
  addWorkerOptions(
    addApiOptions(
      addExamples(program.command('start').description('start API and worker in one process; Ctrl-C stops them'), [
        'automagik-spark start --port 9000',
      ]),
    ),
  ).action((options: ApiOptions & WorkerOptions) => start(overridesOf(options)))

  const api = addGroup(program, 'api', 'run the API as a separate process', 'automagik-spark api start')
  addApiOptions(
    addExamples(api.command('start').description('start the API; Ctrl-C stops it'), [
      'automagik-spark api start --port 9000',
    ]),
  ).action((options: ApiOptions) => apiStart(overridesOf(options)))

  const worker = addGroup(program, 'worker', 'run a worker as a separate process', 'automagik-spark worker start')
  addWorkerOptions(
    addExamples(worker.command('start').description('start a worker; Ctrl-C stops it after its runs have finished'), [
      'automagik-spark worker start --concurrency 10',
    ]),
  ).action((options: WorkerOptions) => workerStart(overridesOf(options)))
}
