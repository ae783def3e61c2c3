import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { cacheRig } from '../support/cache-rig.ts';

const [KEY, VALUE, TAG] = ['of-ada-lovelace', 'born-in-1815', 'tag-of-byron'];
const NOTHING_OF_THEM = /lovelace|1815|byron/;

/** Redis as it quotes what it refuses. */
function quoting(store: Store, isRefusing: () => boolean): Store {
  return {
    ...store,
    execute: async (commands, options) =>
      isRefusing()
        ? commands.map((command) => ({ error: `ERR cannot run '${command.join(' ')}'` }))
        : store.execute(commands, options),
  };
}

it('no key, value or tag is in an event or an error of a cache', async () => {
  const clock = manualClock();
  let isRefusing = false;
  const store = quoting(memoryStore({ clock }), () => isRefusing);
  const rig = cacheRig<string>({ maxConcurrentLoads: 1, l1: false }, { clock, store });
  const { cache, events, kv } = rig;
  const errors: unknown[] = [];
  const use = async () => {
    const [load, tags] = [() => VALUE, [TAG]];
    await cache.getOrFetch(KEY, load, { tags });
    await cache.set(KEY, VALUE, { tags });
    await cache.delete(KEY);
    await cache.invalidateTags(tags);
    await cache.settled();
  };
  const refused = (call: () => Promise<unknown>) => call().catch((error) => errors.push(error));
  await store.execute([['SET', `cache:c:v:${KEY}`, VALUE]]);
  await use();
  isRefusing = true;
  await use();
  isRefusing = false;
  rig.store.takeAway();
  for (let count = 0; count < 5; count += 1) await use();
  expect(kv.circuit.state().state).toBe('OPEN');
  await refused(() => cache.set(KEY, VALUE, { ttlMs: Number.NaN }));
  await refused(() => cache.set(KEY, VALUE, { tags: [TAG.repeat(100)] }));
  await refused(() => cache.set(KEY, VALUE, { tags: Array.from({ length: 33 }, (_, index) => TAG + index) }));
  const wrapped = cache.wrap((_context, _key: string) => new Promise<string>(() => {}), { key: (key) => key });
  const hanging = [KEY, `${KEY} 2`].map((key) => refused(() => wrapped(key)));
  await clock.run(20_000);
  await Promise.all(hanging);
  expect(new Set(events.map(({ type }) => type))).toContain('unreadable');
  expect(errors).toMatchObject([{ code: 'CONFIG' }, { code: 'CONFIG' }, { code: 'CONFIG' }, {}, {}]);
  expect(inspect({ events, errors, stats: cache.stats() }, { depth: 20 })).not.toMatch(NOTHING_OF_THEM);
});
