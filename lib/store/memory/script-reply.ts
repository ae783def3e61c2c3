import { isErrorReply, type Reply } from '../store.ts';

/**
 * What Redis makes of the value that a script returns: numbers lose their fraction, arrays end at the first nil.
 *
 * @param passed Arrays that came from Redis and are passed on. Their nils arrived as `false`, which ends no Lua table.
 */
export function scriptReply(value: Reply, passed: WeakSet<object>): Reply {
  if (typeof value === 'number') return Math.trunc(value) + 0;
  if (typeof value !== 'object' || value === null || isErrorReply(value)) return value;
  if (passed.has(value)) return value;
  const end = value.indexOf(null);
  return (end === -1 ? value : value.slice(0, end)).map((item) => scriptReply(item, passed));
}

/** Notes all arrays within a reply of Redis. */
export function notePassed(reply: Reply, passed: WeakSet<object>): void {
  if (typeof reply !== 'object' || reply === null || isErrorReply(reply)) return;
  passed.add(reply);
  for (const item of reply) notePassed(item, passed);
}
