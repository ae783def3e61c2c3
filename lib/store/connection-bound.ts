import type { Command, Reply } from './store.ts';

const BOUND: ReadonlySet<string> = new Set([
  // Answer more than once, or never.
  ...['SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE', 'UNSUBSCRIBE', 'PUNSUBSCRIBE', 'SUNSUBSCRIBE', 'MONITOR'],
  ...['SYNC', 'PSYNC', 'REPLCONF'],
  // Change what the connection is for whoever uses it next.
  ...['AUTH', 'HELLO', 'SELECT', 'RESET', 'QUIT', 'READONLY', 'READWRITE', 'ASKING'],
  ...['MULTI', 'EXEC', 'DISCARD', 'WATCH', 'UNWATCH'],
  // Keep everybody else waiting.
  ...['BLPOP', 'BRPOP', 'BRPOPLPUSH', 'BLMOVE', 'BLMPOP', 'BZPOPMIN', 'BZPOPMAX', 'BZMPOP'],
]);

/**
 * Whether a command cannot be run on a connection that is shared, which answers once per command and in order. Use the
 * `atomic` option for transactions.
 */
export function isConnectionBound(command: Command): boolean {
  const name = command[0].toUpperCase();
  if (BOUND.has(name)) return true;
  if (name === 'XREAD' || name === 'XREADGROUP') return hasBlockOption(command);
  return name === 'CLIENT' && String(command[1]).toUpperCase() === 'REPLY';
}

/** Runs the commands that a shared connection can run, and answers the others in their places with an error. */
export async function runShareable(
  commands: readonly Command[],
  run: (commands: readonly Command[]) => Promise<readonly Reply[]>,
): Promise<readonly Reply[]> {
  const shareable = commands.filter((command) => !isConnectionBound(command));
  if (shareable.length === commands.length) return run(commands);
  const replies = shareable.length === 0 ? [] : await run(shareable);
  let next = 0;
  return commands.map((command) =>
    isConnectionBound(command) ? { error: connectionBoundText(command) } : (replies[next++] ?? null),
  );
}

/** The options of XREAD end at STREAMS: a stream may be called `block`. */
function hasBlockOption(command: Command): boolean {
  const words = command.slice(1).map((word) => String(word).toUpperCase());
  const streams = words.indexOf('STREAMS');
  return words.slice(0, streams < 0 ? words.length : streams).includes('BLOCK');
}

/** What a store answers to such a command. */
export function connectionBoundText(command: Command): string {
  return `ERR Command is not available: '${command[0].slice(0, 32).toUpperCase()}' needs a connection of its own`;
}
