import { createLru } from '../client/lru.ts';
import { type Clock, elapsedSince, type Instant, instant } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import { type ClientMisses, type ClientRule, countMiss, type Misses, NO_MISSES } from './misses.ts';

/**
 * How much guessing is borne. Valid keys that have been seen in the last 30 days are not concerned by any of it; while Redis,
 * which knows of those, is away, keys that this process has seen.
 */
export interface MissSettings {
  /** Unknown keys of one client address; `false` for no bound. */
  readonly perClient?: ClientMisses | false | undefined;
  /**
   * Unknown keys that are looked for in a source other than this Redis, of all clients together, under each pepper: what
   * keeps a flood from many addresses away from the database. `false` for no bound. @default 300 in 10_000 ms
   */
  readonly budget?: { readonly limit: number; readonly windowMs: number } | false | undefined;
}

export type MissVerdict =
  | { readonly verdict: 'admitted' }
  | { readonly verdict: 'locked' | 'busy'; readonly retryAfterMs: number };

/** Counts misses in this process while Redis, where they are counted else, is away. Bounded. */
export interface MissGuard {
  /** As the lookup's script takes them; `''` for none. */
  readonly clientRule: string;
  readonly budgetRule: string;
  /** Whether an unknown key of `client` may be looked for; counted as a miss if so. */
  admit(client: string | undefined): MissVerdict;
  /** It was none. */
  forgive(client: string | undefined): void;
}

const MAX_CLIENTS = 10_000;

export function createMissGuard(clock: Clock, { perClient = {}, budget }: MissSettings = {}): MissGuard {
  const rule = perClient === false ? undefined : clientRuleOf(perClient);
  const { limit, windowMs } = budget === false ? UNBOUNDED : wholeNumbers('misses.budget', budget ?? BUDGET);
  const clients = createLru<{ readonly misses: Misses; readonly at: Instant; readonly keptMs: number }>(MAX_CLIENTS);
  let looks = 0;
  let began: Instant | undefined;

  const missesOf = (client: string): Misses => {
    const found = clients.get(client);
    return found && elapsedSince(found.at, clock) < found.keptMs ? found.misses : NO_MISSES;
  };

  return {
    clientRule: rule ? `${rule.limit}:${rule.windowMs}:${rule.lockoutMs}:${rule.maxLockoutMs}` : '',
    budgetRule: budget === false ? '' : `${limit}:${windowMs}`,
    admit(client) {
      const now = clock.now();
      const counted = rule && client !== undefined ? { client, misses: missesOf(client) } : undefined;
      const lockedMs = (counted?.misses.lockedUntil ?? 0) - now;
      // A wall clock that was set back would lock out for longer than anybody meant.
      if (rule && lockedMs > 0) {
        return { verdict: 'locked', retryAfterMs: Math.min(lockedMs, rule.maxLockoutMs) };
      }
      if (!began || elapsedSince(began, clock) >= windowMs) [looks, began] = [0, instant(clock)];
      if (looks >= limit) return { verdict: 'busy', retryAfterMs: Math.max(1, windowMs - elapsedSince(began, clock)) };
      looks += 1;
      if (rule && counted) {
        clients.set(counted.client, { ...countMiss(counted.misses, rule, now), at: instant(clock) });
      }
      return { verdict: 'admitted' };
    },
    forgive(client) {
      looks = Math.max(0, looks - 1);
      const found = client === undefined ? undefined : clients.get(client);
      if (client === undefined || !found) return;
      const count = Math.max(0, found.misses.count - 1);
      clients.set(client, { ...found, misses: { count, lockedUntil: 0 } });
    },
  };
}

const BUDGET = { limit: 300, windowMs: 10_000 };
const UNBOUNDED = { limit: Number.POSITIVE_INFINITY, windowMs: 1_000 };

function clientRuleOf(settings: ClientMisses): ClientRule {
  const { limit = 20, windowMs = 60_000, lockoutMs = 1_000, maxLockoutMs = 900_000 } = settings;
  return wholeNumbers('misses.perClient', { limit, windowMs, lockoutMs, maxLockoutMs });
}

function wholeNumbers<Numbers extends object>(option: string, numbers: Numbers): Numbers {
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(value) || value < 1 || value > 86_400_000) {
      throw new ConfigError(`${option}.${name}`, 'must be a whole number from 1 to 86400000');
    }
  }
  return numbers;
}
