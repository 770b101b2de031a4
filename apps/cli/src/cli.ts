import { Command, CommanderError } from 'commander'
import { version } from '../package.json'
import { type CommandContext, makeCommandContext } from './command-context.ts'
import { addDb } from './commands/db.ts'
import { addSchedules } from './commands/schedules.ts'
import { addSources } from './commands/sources.ts'
import { addStart } from './commands/start.ts'
import { addTasks } from './commands/tasks.ts'
import { addWorkers } from './commands/workers.ts'
import { addWorkflows } from './commands/workflows.ts'
import { EXIT } from './errors.ts'
import { explain } from './explain-error.ts'
import type { Io } from './io.ts'
import type { LocalCommands } from './local-commands.ts'
import { addExamples, pathOf } from './options.ts'

const ENVIRONMENT = `
Environment (or a .env file in this folder):
  SPARK_API_URL   address of the API; default: the Spark of this folder, or http://localhost:8883
  SPARK_API_KEY   its key, or SPARK_API_KEY_FILE: a file with it; default: the key in SPARK_DATA_DIR (.spark)
Set both in one place: a key of the environment is not sent to an address that a file of this folder names,
except to the Spark that you run in this folder.

Exit codes: 0 fine, 1 failed, 2 wrong use, 3 not found, 4 not allowed, 5 cannot reach the API.`

/** All commands, ready to parse. */
export const makeProgram = (context: CommandContext, localCommands: LocalCommands): Command => {
  const { io } = context
  const program = new Command('automagik-spark')
    .description('Run and schedule the flows of your flow servers.')
    .version(version, '-v, --version')
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns || 100,
      getErrHelpWidth: () => io.stderr.columns || 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride()
  addExamples(program, ['automagik-spark start', 'automagik-spark sources create http://localhost:7860'])
  program.addHelpText('after', ENVIRONMENT)

  addStart(program, localCommands)
  addSources(program, context)
  addWorkflows(program, context)
  addSchedules(program, context)
  addTasks(program, context)
  addWorkers(program, context)
  addDb(program, context, localCommands)

  const pointToHelp = (command: Command): void => {
    command.showHelpAfterError(`See: ${pathOf(command)} --help`)
    command.commands.forEach(pointToHelp)
  }
  pointToHelp(program)
  return program
}

/** Runs one command line and returns its exit code. */
export const run = async (args: readonly string[], io: Io, localCommands: LocalCommands): Promise<number> => {
  const context = makeCommandContext(io)
  try {
    await makeProgram(context, localCommands).parseAsync([...args], { from: 'user' })
    return EXIT.fine
  } catch (error) {
    // Commander has already printed what is wrong, or the help when a command is missing.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage
    if (isInterruption(error, io)) return EXIT.interrupted
    const { exitCode, message } = explain(error, context.connection())
    context.out.note(`error: ${message}`)
    return exitCode
  }
}

/** Ctrl-C rejects with an AbortError; a command that has more to say throws a CliError instead. */
const isInterruption = (error: unknown, io: Io): boolean =>
  error instanceof Error && error.name === 'AbortError' && io.interrupted().aborted
