import { describe, expect, it } from 'vitest';
import { createStoreReport } from '../../../lib/guard/metrics/store-report.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { AWAY, scriptedClient } from '../../support/scripted-client.ts';

const MEMORY = '# Memory\r\nused_memory:1024\r\nused_memory_peak:4096\r\nmaxmemory:0\r\n';
const STATS = '# Stats\r\nevicted_keys:7\r\ntotal_net_input_bytes:11\r\ntotal_net_output_bytes:12\r\n';

onEveryKv('what Redis says of itself', (kv) => {
  it('is how much memory its data takes, and how many keys it has evicted', async () => {
    const client = kv();
    await client.set('a', 'x'.repeat(1_000));
    const report = await createStoreReport(client)();
    expect(report.isUp).toBe(true);
    expect(report.usedBytes).toBeGreaterThan(0);
    expect(report.evictedKeys).toBe(0);
  });
});

describe('a report of the store', () => {
  const rig = (...replies: readonly unknown[]) => {
    const client = scriptedClient();
    client.store.respond(() => replies as never);
    return { ...client, ask: createStoreReport(client.kv) };
  };

  it('is one request, whose answer is good for five seconds', async () => {
    const { ask, store, clock } = rig(MEMORY, STATS);
    const expected = { isUp: true, usedBytes: 1_024, evictedKeys: 7, receivedBytes: 11, sentBytes: 12 };
    expect(await Promise.all([ask(), ask()])).toEqual([expected, expected]);
    expect(store.sent).toHaveLength(1);
    clock.advance(4_999);
    await ask();
    expect(store.sent).toHaveLength(1);
    clock.advance(1);
    await ask();
    expect(store.sent).toHaveLength(2);
  });

  it('says so while Redis is away, and asks again five seconds later', async () => {
    const { ask, store, clock } = rig(MEMORY, STATS);
    store.respond(() => AWAY);
    expect(await ask()).toEqual({ isUp: false });
    store.respond(() => [MEMORY, STATS]);
    expect(await ask()).toEqual({ isUp: false });
    clock.advance(5_000);
    expect(await ask()).toMatchObject({ isUp: true });
  });

  it('leaves out what Redis does not say, or may not be asked', async () => {
    expect(await rig({ error: 'NOPERM no' }, { error: 'ERR unknown' }).ask()).toEqual({ isUp: true });
    expect(await rig('used_memory:much\r\nevicted_keys:-1', 'nothing').ask()).toEqual({ isUp: true });
    expect(await rig('', `${STATS}maxmemory:4096\r\n`).ask()).toMatchObject({ evictedKeys: 7, maxBytes: 4_096 });
  });
});
