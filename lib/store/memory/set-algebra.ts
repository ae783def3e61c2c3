import { type CommandSpec, command } from './command.ts';
import type { Keyspace } from './keyspace.ts';
import { addMember } from './sets.ts';
import { emptyValue } from './values.ts';

type Combine = (sets: readonly ReadonlySet<string>[]) => ReadonlySet<string>;

export const setAlgebraCommands: readonly CommandSpec[] = [
  ...bothForms('sunion', (sets) => new Set(sets.flatMap((set) => [...set]))),
  ...bothForms('sinter', ([first, ...others]) => {
    const kept = [...(first ?? [])].filter((member) => others.every((set) => set.has(member)));
    return new Set(kept);
  }),
  ...bothForms('sdiff', ([first, ...others]) => {
    const kept = [...(first ?? [])].filter((member) => !others.some((set) => set.has(member)));
    return new Set(kept);
  }),
];

function bothForms(name: string, combine: Combine): readonly CommandSpec[] {
  return [
    command(name, -2, (keyspace, keys) => [...combine(readSets(keyspace, keys))]),
    command(`${name}store`, -3, (keyspace, [target = '', ...keys]) => {
      const members = combine(readSets(keyspace, keys));
      if (members.size === 0) {
        keyspace.remove(target);
        return 0;
      }
      const result = emptyValue.set();
      for (const member of members) addMember(result, member);
      keyspace.put(target, result);
      return members.size;
    }),
  ];
}

function readSets(keyspace: Keyspace, keys: readonly string[]): readonly ReadonlySet<string>[] {
  return keys.map((key) => keyspace.read(key, 'set')?.members ?? new Set<string>());
}
