import { type CommandSpec, command } from './command.ts';
import { compileGlob } from './glob.ts';
import type { Keyspace } from './keyspace.ts';
import { noSuchKey } from './reply-error.ts';

export const keyCommands: readonly CommandSpec[] = [
  command('del', -2, remove),
  command('unlink', -2, remove),
  command('exists', -2, count),
  command('touch', -2, count),
  command('type', 2, (keyspace, [key = '']) => keyspace.find(key)?.value.type ?? 'none'),
  command('rename', 3, (keyspace, [from = '', to = '']) => {
    move(keyspace, from, to);
    return 'OK';
  }),
  command('renamenx', 3, (keyspace, [from = '', to = '']) => {
    if (!keyspace.find(from)) throw noSuchKey();
    if (keyspace.find(to)) return 0;
    move(keyspace, from, to);
    return 1;
  }),
  command('keys', 2, (keyspace, [pattern = '']) => {
    const matches = compileGlob(pattern);
    return allKeys(keyspace).filter(matches);
  }),
  // Redis also counts keys that have expired and were not yet noticed.
  command('dbsize', 1, (keyspace) => allKeys(keyspace).length),
];

function remove(keyspace: Keyspace, keys: readonly string[]): number {
  return keys.filter((key) => keyspace.remove(key)).length;
}

function count(keyspace: Keyspace, keys: readonly string[]): number {
  return keys.filter((key) => keyspace.find(key)).length;
}

/** The value moves with its expiry. */
function move(keyspace: Keyspace, from: string, to: string): void {
  const entry = keyspace.find(from);
  if (!entry) throw noSuchKey();
  if (from === to) return;
  const { value, expireAt } = entry;
  keyspace.remove(from);
  keyspace.put(to, value, expireAt);
}

function allKeys(keyspace: Keyspace): readonly string[] {
  return keyspace.scan(0, Number.POSITIVE_INFINITY).entries.map(({ key }) => key);
}
