// Loaded into a program that a script of ours starts: when that script is gone, however it ended, the program ends as by SIGTERM.
if (process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel.unref()
}
