import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createKeyNames } from '../../lib/keys/key-names.ts';
import { kvKeyStore } from '../../lib/keys/source/kv-key-store.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';

const names = createKeyNames('');

describe('keys on record in another Redis', () => {
  it('are unknown there only beside its sentinel: without it the data is lost, which is no 401', async () => {
    const records = memoryStore();
    const source = kvKeyStore({ kv: createKv({ store: records }) });
    const start = () => createApiKeys({ kv: createKv({ store: memoryStore() }), source });
    const issuing = start();
    const { key } = await issuing.create({ owner: 'acme' });
    expect(await start().validate(issuing.format.generate())).toEqual({ status: 'INVALID', reason: 'unknown' });
    await records.execute([['FLUSHALL']]);
    for (const one of [key, issuing.format.generate()]) {
      expect(await start().validate(one)).toMatchObject({ status: 'UNAVAILABLE', reason: 'away' });
    }
    await expect(issuing.create({ owner: 'acme' })).rejects.toMatchObject({ code: 'STORE', kind: 'unavailable' });
    expect(await records.execute([['DBSIZE']])).toEqual([0]);
  });

  it('are not taken for unknown where something else stands in the place of a record', async () => {
    const records = memoryStore();
    const source = kvKeyStore({ kv: createKv({ store: records }) });
    const events: BreakwaterEvent[] = [];
    const start = () =>
      createApiKeys({ kv: createKv({ store: memoryStore(), onEvent: (event) => events.push(event) }), source });
    const issuing = start();
    const [spoilt, sound] = [await issuing.create({ owner: 'acme' }), await issuing.create({ owner: 'acme' })];
    const record = names.record(await issuing.digest(spoilt.key));
    const [text] = await records.execute([['GET', record]]);
    await records.execute([
      ['DEL', record],
      ['RPUSH', record, 'no record'],
    ]);
    const keys = start();
    for (let turn = 0; turn < 8; turn += 1) {
      expect(await keys.validate(spoilt.key)).toMatchObject({ status: 'UNAVAILABLE', reason: 'away' });
    }
    // The source is there: one spoilt record is no outage, and keeps no other key out.
    expect(events.filter(({ type }) => type === 'source')).toEqual([]);
    expect(events).toContainEqual(expect.objectContaining({ type: 'unreadable', feature: 'keys' }));
    expect(await keys.validate(sound.key)).toMatchObject({ status: 'VALID' });
    await records.execute([['SET', record, String(text)]]);
    expect(await keys.validate(spoilt.key)).toMatchObject({ status: 'VALID' });
  });
});
