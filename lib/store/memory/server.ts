import { type CommandSpec, command } from './command.ts';
import type { Keyspace } from './keyspace.ts';
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
  command('info', -1, (keyspace, sections) =>
    INFO_SECTIONS.filter(isAsked(sections))
      .map((section) => section.lines(keyspace))
      .join('\r\n'),
  ),
  flush('flushdb'),
  flush('flushall'),
];

interface InfoSection {
  readonly name: string;
  lines(keyspace: Keyspace): string;
}

/** The sections of which there is something true to say. */
const INFO_SECTIONS: readonly InfoSection[] = [
  {
    name: 'memory',
    lines: ({ bytes, maxBytes }) =>
      `# Memory\r\nused_memory:${bytes}\r\nmaxmemory:${maxBytes}\r\nmaxmemory_policy:allkeys-lru\r\n`,
  },
  { name: 'stats', lines: ({ evicted }) => `# Stats\r\nevicted_keys:${evicted}\r\n` },
  { name: 'keyspace', lines: ({ size }) => `# Keyspace\r\n${size > 0 ? `db0:keys=${size}\r\n` : ''}` },
];

function isAsked(sections: readonly string[]): (section: InfoSection) => boolean {
  const asked = sections.map((word) => word.toLowerCase());
  const all = asked.length === 0 || asked.some((word) => ['all', 'default', 'everything'].includes(word));
  return ({ name }) => all || asked.includes(name);
}

function flush(name: string): CommandSpec {
  return command(name, -1, (keyspace, words) => {
    const [mode = 'SYNC'] = words;
    if (words.length > 1 || !['SYNC', 'ASYNC'].includes(mode.toUpperCase())) throw syntaxError();
    keyspace.clear();
    return 'OK';
  });
}
