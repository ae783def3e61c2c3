import { createLru } from '../client/lru.ts';
import type { Clock } from '../clock.ts';
import type { ScriptContext } from '../store/script-twins.ts';
import { charge } from './charge.ts';

/** Accounts kept in this process while Redis is away: the script's twin over a bounded map. */
export interface LocalAccounts {
  /** As the charge script answers. */
  charge(keys: readonly string[], cost: number, rules: readonly string[]): readonly number[];
  forget(key: string): void;
  clear(): void;
}

interface Account {
  readonly value: string;
  readonly expiresAt: number;
}

export function createLocalAccounts(clock: Clock, maxKeys: number): LocalAccounts {
  const accounts = createLru<Account>(maxKeys);
  const redis: ScriptContext = {
    /** `GET key`, or `SET key value PX ms`: all that the twin uses. */
    call(name, key, value, _unit, ttlMs) {
      const now = clock.monotonic();
      if (name !== 'GET') {
        accounts.set(String(key), { value: String(value), expiresAt: now + Number(ttlMs) });
        return 'OK';
      }
      const account = accounts.get(String(key));
      return account && account.expiresAt > now ? account.value : null;
    },
  };
  return {
    // Monotonic time: a wall clock set back must not refuse everybody until it has caught up.
    charge: (keys, cost, rules) => charge(redis, Math.floor(clock.monotonic() * 1_000), cost, keys, rules),
    forget: accounts.delete,
    clear: accounts.clear,
  };
}
