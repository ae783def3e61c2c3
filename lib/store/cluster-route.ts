import { hashTag, keySlot } from './cluster-slots.ts';
import { keysOf } from './command-keys.ts';
import { type Command, type ErrorReply, isErrorReply, type Reply } from './store.ts';

/** Where a command belongs: to the primary of a slot, to any one, to each of them, or nowhere. */
export type Route =
  | { readonly to: 'slot'; readonly slot: number }
  | { readonly to: 'any' }
  | { readonly to: 'all'; readonly combine: (replies: readonly Reply[]) => Reply }
  | { readonly to: 'none'; readonly refusal: ErrorReply };

export const CROSSSLOT: ErrorReply = { error: "CROSSSLOT Keys in request don't hash to the same slot" };

const ANY: Route = { to: 'any' };
const SAME_EVERYWHERE = /^(FLUSHALL|FLUSHDB|SCRIPT (FLUSH|LOAD)|FUNCTION (LOAD|DELETE|FLUSH|RESTORE))$/;

export function routeOf(command: Command): Route {
  const name = command[0].toUpperCase();
  if (name === 'SCAN' || name === 'KEYS') return patternRoute(name, command.slice(1).map(String));
  if (name === 'DBSIZE') return { to: 'all', combine: sum };
  const words = name === 'SCRIPT' || name === 'FUNCTION' ? `${name} ${String(command[1]).toUpperCase()}` : name;
  if (SAME_EVERYWHERE.test(words)) return { to: 'all', combine: firstErrorOrFirst };
  return slotRoute(keysOf(command));
}

/** The one place at which all the commands of a transaction can run. */
export function transactionRoute(commands: readonly Command[]): Route {
  const routes = commands.map(routeOf);
  const stray = routes.find(({ to }) => to === 'all' || to === 'none');
  if (stray !== undefined) return { to: 'none', refusal: CROSSSLOT };
  const slots = new Set(routes.flatMap((route) => (route.to === 'slot' ? [route.slot] : [])));
  const [slot] = slots;
  if (slot === undefined) return ANY;
  return slots.size === 1 ? { to: 'slot', slot } : { to: 'none', refusal: CROSSSLOT };
}

function slotRoute(keys: readonly string[]): Route {
  const slots = new Set(keys.map(keySlot));
  const [slot] = slots;
  if (slot === undefined) return ANY;
  return slots.size === 1 ? { to: 'slot', slot } : { to: 'none', refusal: CROSSSLOT };
}

/** What matches a pattern with a hash tag is in one slot. For any other there is no one node that knows it all. */
function patternRoute(name: 'SCAN' | 'KEYS', args: readonly string[]): Route {
  const at = args.findLastIndex((arg) => arg.toUpperCase() === 'MATCH');
  const pattern = name === 'KEYS' ? args[0] : at > 0 ? args[at + 1] : undefined;
  // As far as it says exactly what is in the key.
  const exact = /^[^*?[\\]*/.exec(pattern ?? '')?.[0] ?? '';
  if (hashTag(exact) !== undefined) return { to: 'slot', slot: keySlot(exact) };
  return { to: 'none', refusal: { error: `ERR ${name} in a Cluster needs a pattern with a hash tag, '{tag}*'` } };
}

function firstErrorOrFirst(replies: readonly Reply[]): Reply {
  return replies.find(isErrorReply) ?? replies[0] ?? null;
}

function sum(replies: readonly Reply[]): Reply {
  return replies.find(isErrorReply) ?? replies.reduce<number>((total, reply) => total + Number(reply), 0);
}
