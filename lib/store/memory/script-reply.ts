import { isErrorReply, type Reply } from '../store.ts';

/**
 * What Redis makes of the value that a script returns: numbers lose their fraction, arrays end at the first nil.
 *
 * @param passed Arrays that came from Redis and are passed on. Their nils arrived as `false`, which ends no Lua table.
 */
export function scriptReply(value: Reply, passed: WeakSet<object>): Reply {
  if (typeof value === 'number') return toInteger(value);
  if (typeof value !== 'object' || value === null || isErrorReply(value)) return value;
  if (passed.has(value)) return value;
  const end = value.indexOf(null);
  return (end === -1 ? value : value.slice(0, end)).map((item) => scriptReply(item, passed));
}

/** A number of Lua as a reply: without its fraction; what 64 bits cannot hold becomes the least they can, as on x86. */
export function toInteger(value: number): number {
  return Math.abs(value) < 2 ** 63 ? Math.trunc(value) + 0 : -(2 ** 63);
}

/** Notes all arrays within a reply of Redis. */
export function notePassed(reply: Reply, passed: WeakSet<object>): void {
  if (typeof reply !== 'object' || reply === null || isErrorReply(reply)) return;
  passed.add(reply);
  for (const item of reply) notePassed(item, passed);
}
