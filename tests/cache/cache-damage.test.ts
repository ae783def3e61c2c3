import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loaded } from '../../lib/cache/loaded.ts';
import { cacheRig } from '../support/cache-rig.ts';

const NAME = 'cache:c:v:k';
const VALUE = 'the one true value, again and again, the one true value';
const HEAD_FIELDS = 8;

interface Damage {
  readonly kind: 'replace' | 'cut' | 'insert';
  /** Where, as a share of what is damaged. */
  readonly at: number;
  readonly text: string;
}

const damages = fc.record<Damage>({
  kind: fc.constantFrom('replace', 'cut', 'insert'),
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
  text: fc.oneof(fc.string({ minLength: 1, maxLength: 3, unit: 'binary' }), fc.constantFrom(' ', ':', '0', 'z', '\0')),
});

const damaged = (text: string, { kind, at, text: other }: Damage): string => {
  const from = Math.floor(at * text.length);
  if (kind === 'cut') return text.slice(0, from);
  return text.slice(0, from) + other + text.slice(kind === 'insert' ? from : from + other.length);
};

/** An entry as Redis has it, and processes that have not seen it. */
const storedEntry = async (compressAboveBytes: number | false) => {
  const rig = cacheRig<string>({ compressAboveBytes, l1: false });
  await rig.cache.getOrFetch('k', () => loaded(VALUE, { tags: ['t'] }), { tags: ['s'] });
  await rig.cache.settled();
  const [entry] = await rig.store.execute([['GET', NAME]]);
  return { ...rig, entry: String(entry) };
};

describe('an entry that was damaged in Redis', () => {
  it.each([
    ['plain', false],
    ['compressed', 1],
  ] as const)(
    'is its value or a miss where its head is hit, never anything else, and never an outage: %s',
    async (_, above) => {
      const { cache, store, entry, kv } = await storedEntry(above);
      const headEnd = entry.split(' ', HEAD_FIELDS).join(' ').length + 1;
      let misses = 0;
      const property = fc.asyncProperty(damages, async (damage) => {
        const head = damaged(entry.slice(0, headEnd), damage);
        await store.execute([['SET', NAME, head + (damage.kind === 'cut' ? '' : entry.slice(headEnd))]]);
        const read = await cache.get('k');
        if (read.status === 'miss') misses += 1;
        // What was added may have become the beginning of the payload: then that is damaged, and another text may be JSON.
        else if ('value' in read) expect(read.value).toBe(VALUE);
        else expect(read.status).toBe('negative');
        expect(kv.circuit.state()).toMatchObject({ state: 'CLOSED' });
      });
      await fc.assert(property, { numRuns: 300 });
      expect(misses).toBeGreaterThan(100);
    },
  );

  it.each([
    ['plain', false],
    ['compressed', 1],
  ] as const)(
    'throws nothing wherever it is hit; a payload may have become another text that can be read: %s',
    async (_, above) => {
      const { cache, store, entry, kv, events } = await storedEntry(above);
      const property = fc.asyncProperty(fc.array(damages, { minLength: 1, maxLength: 3 }), async (several) => {
        await store.execute([['SET', NAME, several.reduce(damaged, entry)]]);
        const before = cache.stats().unreadable;
        const told = events.length;
        const read = await cache.get('k');
        expect(['hit', 'stale', 'miss', 'negative']).toContain(read.status);
        // Each that cannot be read is counted and told of, once.
        expect(events.length - told).toBe(cache.stats().unreadable - before);
        expect(await cache.getOrFetch('k', () => VALUE, { tags: ['s'] })).toMatchObject({});
        await cache.settled();
        expect(kv.circuit.state()).toMatchObject({ state: 'CLOSED' });
      });
      await fc.assert(property, { numRuns: 300 });
    },
  );

  it('is replaced by the next load, whatever stands there', async () => {
    const { cache, store, entry } = await storedEntry(false);
    const property = fc.asyncProperty(damages, async (damage) => {
      await store.execute([['SET', NAME, damaged(entry, { ...damage, at: 0 })]]);
      if ((await cache.get('k')).status !== 'miss') return;
      await cache.getOrFetch('k', () => 'new');
      await cache.settled();
      expect(await cache.get('k')).toMatchObject({ status: 'hit', value: 'new' });
    });
    await fc.assert(property, { numRuns: 100 });
  });
});
