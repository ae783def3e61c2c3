import { type CommandSpec, command } from './command.ts';
import { syntaxError, wrongArity } from './reply-error.ts';

export const serverCommands: readonly CommandSpec[] = [
  command('ping', -1, (_keyspace, [text, ...rest]) => {
    if (rest.length > 0) throw wrongArity('ping');
    return text ?? 'PONG';
  }),
  command('echo', 2, (_keyspace, [text = '']) => text),
  command('time', 1, (keyspace) => {
    const now = keyspace.now();
    const microseconds = Math.floor(now * 1000);
    return [String(Math.floor(microseconds / 1_000_000)), String(microseconds % 1_000_000)];
  }),
  // Nobody can subscribe.
  command('publish', 3, () => 0),
  flush('flushdb'),
  flush('flushall'),
];

function flush(name: string): CommandSpec {
  return command(name, -1, (keyspace, words) => {
    const [mode = 'SYNC'] = words;
    if (words.length > 1 || !['SYNC', 'ASYNC'].includes(mode.toUpperCase())) throw syntaxError();
    keyspace.clear();
    return 'OK';
  });
}
