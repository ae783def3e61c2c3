import { type CommandSpec, command } from './command.ts';
import { anyExpireAt, expireCondition, type TimeUnit } from './expire-time.ts';
import type { Entry } from './keyspace.ts';

export const expiryCommands: readonly CommandSpec[] = [
  expire('expire', 's', false),
  expire('pexpire', 'ms', false),
  expire('expireat', 's', true),
  expire('pexpireat', 'ms', true),
  report('ttl', (at, now) => wholeSeconds(Math.max(0, at - now))),
  report('pttl', (at, now) => Math.max(0, at - now)),
  report('expiretime', wholeSeconds),
  report('pexpiretime', (at) => at),
  command('persist', 2, (keyspace, [key = '']) => {
    const entry = keyspace.find(key);
    if (entry?.expireAt === undefined) return 0;
    entry.expireAt = undefined;
    return 1;
  }),
];

function expire(name: string, unit: TimeUnit, absolute: boolean): CommandSpec {
  return command(name, -3, (keyspace, [key = '', text = '', ...options]) => {
    const allowed = expireCondition(options);
    const at = anyExpireAt({ text, unit, absolute }, keyspace.now(), name);
    const entry = keyspace.find(key);
    if (!entry || !allowed(at, entry.expireAt)) return 0;
    setExpiry(entry, at, keyspace);
    return 1;
  });
}

/** A time that has come deletes at once, though a key lives on through the millisecond it expires in. */
export function setExpiry(
  entry: Entry,
  at: number,
  keyspace: { readonly now: () => number; readonly remove: (key: string) => boolean },
): void {
  if (at <= keyspace.now()) keyspace.remove(entry.key);
  else entry.expireAt = at;
}

function report(name: string, answer: (at: number, now: number) => number): CommandSpec {
  return command(name, 2, (keyspace, [key = '']) => {
    const entry = keyspace.find(key);
    if (!entry) return -2;
    return entry.expireAt === undefined ? -1 : answer(entry.expireAt, keyspace.now());
  });
}

function wholeSeconds(ms: number): number {
  return Math.floor((ms + 500) / 1000);
}
