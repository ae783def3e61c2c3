import { expect, it } from 'vitest';
import { boundedStore } from '../../lib/keys/source/bounded-store.ts';
import type { ApiKeyStore } from '../../lib/keys/source/source.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { eventually } from '../support/eventually.ts';
import { changed, idRecord, issued } from '../support/every-key-store.ts';
import { keyWorld } from '../support/key-world.ts';

const record = idRecord();

/** Every operation of a store of record, and whether it may have changed something when nobody waits for it any more. */
const operations: readonly [string, boolean, (store: ApiKeyStore) => Promise<unknown>][] = [
  ['findByDigest', false, (store) => store.findByDigest(issued('one'), { signal: new AbortController().signal })],
  ['get', false, (store) => store.get(record.id)],
  ['insert', true, (store) => store.insert(record)],
  ['replace', true, (store) => store.replace(changed(record, {}), record)],
  ['list', false, (store) => store.list({ limit: 1 })],
];

it.each(operations)(
  '%s of a silent store ends at its deadline, and says whether it may have run',
  async (_, mayHaveRun, ask) => {
    const clock = manualClock();
    const signals: (AbortSignal | undefined)[] = [];
    const silent = () => new Promise<never>(() => undefined);
    const store: ApiKeyStore = {
      findByDigest(_digest, { signal }) {
        signals.push(signal);
        return silent();
      },
      ...{ get: silent, insert: silent, replace: silent, list: silent },
    };
    let outcome: unknown = 'none yet';
    void ask(boundedStore(store, clock, 100)).catch((error: unknown) => {
      outcome = error;
    });
    await clock.run(99);
    expect(outcome).toBe('none yet');
    await clock.run(1);
    expect(outcome).toMatchObject({ code: 'DEADLINE', timeoutMs: 100, mayHaveRun });
    for (const signal of signals) expect(signal?.aborted).toBe(true);
  },
);

it('a store of record has five seconds for each statement of management, unless told otherwise', async () => {
  for (const [managementTimeoutMs, ms] of [
    [undefined, 5_000],
    [200, 200],
  ] as const) {
    const world = keyWorld('other-kv');
    const store = world.source?.source as ApiKeyStore<unknown>;
    let asked = 0;
    const list = () => {
      asked += 1;
      return new Promise<never>(() => undefined);
    };
    const source: ApiKeyStore<unknown> = { ...store, list };
    const { keys } = world.start({ source, sourceSettings: { managementTimeoutMs } });
    const outcome = keys.list().catch((error: unknown) => error);
    await eventually(() => asked === 1);
    await world.clock.run(ms);
    expect(await outcome).toMatchObject({ code: 'DEADLINE', timeoutMs: ms });
  }
});
