import type { Reply } from '../store.ts';
import { type CommandSpec, command } from './command.ts';
import { toCount } from './numbers.ts';
import { NOT_POSITIVE, syntaxError } from './reply-error.ts';
import { elementBytes, type SetValue } from './values.ts';

export const setCommands: readonly CommandSpec[] = [
  command('sadd', -3, (keyspace, [key = '', ...members]) => {
    const set = keyspace.open(key, 'set');
    return members.filter((member) => addMember(set, member)).length;
  }),
  command('srem', -3, (keyspace, [key = '', ...members]) => {
    const set = keyspace.edit(key, 'set');
    return set ? members.filter((member) => removeMember(set, member)).length : 0;
  }),
  command('smembers', 2, (keyspace, [key = '']) => [...(keyspace.read(key, 'set')?.members ?? [])]),
  command('sismember', 3, (keyspace, [key = '', member = '']) =>
    keyspace.read(key, 'set')?.members.has(member) ? 1 : 0,
  ),
  command('smismember', -3, (keyspace, [key = '', ...members]) => {
    const set = keyspace.read(key, 'set');
    return members.map((member) => (set?.members.has(member) ? 1 : 0));
  }),
  command('scard', 2, (keyspace, [key = '']) => keyspace.read(key, 'set')?.members.size ?? 0),
  // Takes the longest-standing members, where Redis takes any: the store needs no randomness.
  command('spop', -2, (keyspace, [key = '', limit, ...rest]): Reply => {
    if (rest.length > 0) throw syntaxError();
    const count = limit === undefined ? undefined : toCount(limit, NOT_POSITIVE);
    const set = keyspace.edit(key, 'set');
    const taken: string[] = [];
    for (const member of set?.members ?? []) {
      if (taken.length === (count ?? 1)) break;
      taken.push(member);
    }
    if (set) for (const member of taken) removeMember(set, member);
    return count === undefined ? (taken[0] ?? null) : taken;
  }),
];

export function addMember(set: SetValue, member: string): boolean {
  if (set.members.has(member)) return false;
  set.members.add(member);
  set.bytes += elementBytes(member);
  return true;
}

function removeMember(set: SetValue, member: string): boolean {
  if (!set.members.delete(member)) return false;
  set.bytes -= elementBytes(member);
  return true;
}
