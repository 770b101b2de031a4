// Loaded into a program that one of our scripts starts: when that script ends in any way, the program gets SIGTERM.
if (process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel.unref()
}
