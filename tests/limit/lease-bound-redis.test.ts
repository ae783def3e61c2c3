import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { chargeScript } from '../../lib/limit/charge.ts';
import { createLimiter, type Subjects } from '../../lib/limit/limiter.ts';
import type { Policy } from '../../lib/limit/policy.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { type Sighting, worstCertainExcess } from '../support/admissions.ts';
import { realRedis } from '../support/every-store.ts';
import { SHORT_NUMBERS } from '../support/lease-defects.ts';
import { askingForAll, withScript } from '../support/lease-world.ts';

const CLIENTS = 24;
const RUN_MS = 1_500;
const PAGE = { limit: 800, windowMs: 1_000, burst: 120, leaseMs: 200 };
const KEY = { limit: 300, windowMs: 500, burst: 40, leaseMs: 50 };
const ACCOUNTS = [['page:a', PAGE] as const, ['key:k0', KEY] as const, ['key:k1', KEY] as const];
const HANG_MS = 15_000;

const policyOf = (name: string, { leaseMs, ...quota }: typeof PAGE): Policy => ({
  name,
  ...quota,
  maxOverAdmission: leaseMs / quota.windowMs,
});

const rewriting = (store: Store, rewrite: (command: Command) => Command): Store => ({
  ...store,
  execute: (commands, options) => store.execute(commands.map(rewrite), options),
  close: async () => {},
});

/** Clients with a circuit, batches and held permits of their own, on one connection. */
function clientsOn(store: Store, policies: readonly Policy[], isGreedy: (index: number) => boolean) {
  return Array.from({ length: CLIENTS }, (_, index) => {
    const own = rewriting(store, isGreedy(index) ? askingForAll : (command) => command);
    const kv = createKv({ store: own, requestTimeoutMs: 10_000 });
    return { kv, limiter: createLimiter({ kv, policies, prefetch: index % 3 === 0, onUnavailable: 'deny' }) };
  });
}

type Client = ReturnType<typeof clientsOn>[number];

describe('leased permits on a real Redis', () => {
  const redis = realRedis();

  it('never admit more than burst + r · (w + τ) to many clients, half of which hold theirs to the last moment', async () => {
    const sightings = new Map<string, Sighting[]>();
    const clients = clientsOn(redis.store, [policyOf('page', PAGE), policyOf('key', KEY)], (index) => index % 2 === 0);
    const beganAt = performance.now();
    const admitted = (account: string) => (sightings.get(account) ?? []).reduce((sum, { cost }) => sum + cost, 0);
    /** Long enough for every account to have given more than its burst, however busy the machine. */
    const isOver = () => {
      const ranMs = performance.now() - beganAt;
      return ranMs > HANG_MS || (ranMs > RUN_MS && ACCOUNTS.every(([name, { burst }]) => admitted(name) > burst));
    };

    const spend = async ({ limiter }: Client, subjects: Subjects, cost = 1) => {
      const from = performance.now();
      const { allowed } = await limiter.check(subjects, { cost });
      const to = performance.now();
      if (!allowed) return;
      for (const [name, subject] of Object.entries(subjects)) {
        const account = `${name}:${subject}`;
        const seen = sightings.get(account) ?? [];
        sightings.set(account, seen);
        seen.push({ from, to, cost });
      }
    };

    /** Asks, waits for as long as what it got is good, and spends all of it at once. */
    const hoard = async (client: Client, subjects: Subjects) => {
      const charges = await Promise.all(
        Object.entries(subjects).map(([name, key]) => client.limiter.chargeOf(name, key)),
      );
      while (!isOver()) {
        const askedAt = performance.now();
        await spend(client, subjects);
        const untilMs = Math.min(...charges.map(({ rule }) => rule.leaseMs)) - 2;
        while (performance.now() < askedAt + untilMs) await client.kv.command(['PING']);
        const held = Math.min(...charges.map(client.limiter.leases.held));
        await Promise.all(Array.from({ length: held }, () => spend(client, subjects)));
      }
    };

    const press = async (client: Client, subjects: Subjects) => {
      for (let turn = 1; !isOver(); turn += 1) {
        await Promise.all([spend(client, subjects), spend(client, subjects, 1 + (turn % 3))]);
        await client.kv.command(['PING']);
      }
    };

    await Promise.all(
      clients.map((client, index) => {
        const subjects: Subjects = index % 3 === 0 ? { page: 'a' } : { page: 'a', key: `k${index % 2}` };
        return index % 2 === 0 ? hoard(client, subjects) : press(client, subjects);
      }),
    );
    for (const [account, bound] of ACCOUNTS) {
      expect(worstCertainExcess(sightings.get(account) ?? [], bound), account).toBeLessThanOrEqual(0);
      expect(admitted(account), account).toBeGreaterThan(bound.burst);
    }
    expect(sightings.size).toBe(ACCOUNTS.length);
  });

  it('would admit everybody with numbers of fourteen digits', async () => {
    const admitted = async (lua: string) => {
      await redis.store.execute([['FLUSHALL']]);
      const [sha1] = await redis.store.execute([['SCRIPT', 'LOAD', lua]]);
      const store = rewriting(redis.store, (command) => withScript(command, String(sha1)));
      const slow = { limit: 10, windowMs: 3_600_000, burst: 10, leaseMs: 36_000 };
      const clients = clientsOn(store, [policyOf('slow', slow)], () => false);
      const seen: Sighting[] = [];
      for (const { limiter } of clients) {
        const from = performance.now();
        const { allowed } = await limiter.check({ slow: 'a' });
        if (allowed) seen.push({ from, to: performance.now(), cost: 1 });
      }
      return worstCertainExcess(seen, slow);
    };
    expect(await admitted(chargeScript.lua)).toBeLessThanOrEqual(0);
    expect(await admitted(SHORT_NUMBERS(chargeScript.lua))).toBeGreaterThan(1);
  });
});
