import { describe, expect, it } from 'vitest';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { scriptedClient } from '../support/scripted-client.ts';

describe('what callers do', () => {
  it('fault 23 callers abort, in CLOSED and in HALF_OPEN', async () => {
    const { clock, kv, execute, request, trip } = scriptedClient();
    const abandon = async () => {
      const controller = new AbortController();
      execute([['SET', 'a', 1]], { signal: controller.signal });
      await clock.run(0);
      controller.abort('gone');
      await clock.run(0);
      expect(request(-1).signal?.aborted).toBe(true);
    };
    for (let call = 0; call < 10; call += 1) await abandon();
    expect(kv.circuit.state()).toMatchObject({ state: 'CLOSED', consecutiveFailures: 0, totals: { neutral: 10 } });
    await trip();
    clock.advance(10_000);
    for (let call = 0; call < 10; call += 1) await abandon();
    expect(kv.circuit.state()).toMatchObject({
      state: 'HALF_OPEN',
      epoch: 2,
      probeSuccesses: 0,
      retryAfterMs: undefined,
      totals: { failures: 5, neutral: 20, refused: 0 },
    });
    expect(clock.pending()).toBe(0);
  });

  it('fault 25 local rejection, cache hit, follower', async () => {
    const { clock, kv, execute, request, seen } = scriptedClient({ batch: { maxQueued: 2 } });
    execute([['GET', 'a']]);
    execute([['GET', 'a']]);
    execute([['SET', 'b', 1]]);
    execute([['SET', 'c', 1]]);
    await clock.run(0);
    expect(seen).toEqual(['SET c 1! local false']);
    request(0).answer([null, 'OK']);
    await clock.run(0);
    const { totals } = kv.circuit.state();
    expect(totals).toMatchObject({ successes: 1, failures: 0, neutral: 0, ignored: 0 });

    const store = memoryStore({ clock });
    const own = scriptedClient({ store, clock }).kv;
    const keys = createApiKeys({ kv: own });
    const { key } = await keys.create({ owner: 'a' });
    await keys.validate(key);
    const before = own.circuit.state().totals;
    for (let hit = 0; hit < 20; hit += 1) await keys.validate(key);
    expect(own.circuit.state().totals).toEqual(before);
  });

  it('fault 30 coalescing leader aborted or torn down', async () => {
    const aborted = scriptedClient();
    const controller = new AbortController();
    aborted.execute([['GET', 'a']], { signal: controller.signal });
    aborted.execute([['GET', 'a']]);
    await aborted.clock.run(0);
    controller.abort('gone');
    aborted.request(0).answer(['A']);
    await aborted.clock.run(0);
    expect(aborted.seen).toEqual(['GET a! gone', 'GET a: ["A"]']);

    // Torn down: the runtime has taken the leader's timers and promises with it.
    const times = scriptedClient().clock;
    let dead = true;
    const clock = { ...times, after: (ms: number, run: () => void) => (dead ? () => {} : times.after(ms, run)) };
    const torn = scriptedClient({ clock });
    torn.execute([['GET', 'a']]);
    await times.run(0);
    dead = false;
    await times.run(400);
    torn.execute([['GET', 'a']]);
    await times.run(999);
    expect(torn.store.sent).toHaveLength(2);
    torn.request(1).answer(['A']);
    await times.run(1);
    expect(torn.seen).toEqual(['GET a: ["A"]']);
  });

  it('fault 31 coalesced value mutated by one caller', async () => {
    const { clock, kv, request } = scriptedClient();
    const all = Array.from({ length: 5 }, () => kv.command(['HGETALL', 'h']));
    const typed = [kv.get<{ list: number[] }>('o'), kv.get<{ list: number[] }>('o')];
    await clock.run(0);
    request(0).answer([['f', ['v']], '{"list":[1]}']);
    const values = await Promise.all(all);
    (values[0] as string[]).push('scribble');
    (values[0] as string[][])[1]?.push('scribble');
    for (const value of values.slice(1)) expect(value).toEqual(['f', ['v']]);
    const [first, second] = await Promise.all(typed);
    first?.list.push(2);
    expect(second).toEqual({ list: [1] });
  });
});
