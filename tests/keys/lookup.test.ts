import { expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { contentsOf, onEveryStore } from '../support/every-store.ts';
import { keyWorld } from '../support/key-world.ts';

onEveryStore('the lookup of a key', (store) => {
  const keysOn = (entryTtlMs?: number) => createApiKeys({ kv: createKv({ store: store() }), entryTtlMs, freshMs: 0 });
  const names = async (key: string) => {
    const { digest } = await keysOn().digest(key);
    return { entry: `auth:1:plain:${digest}`, record: `apikey:1:plain:${digest}` };
  };
  const run = (...commands: Parameters<ReturnType<typeof store>['execute']>[0]) => store().execute(commands);

  it('fills the entry from the record, for as long as entries live', async () => {
    const { key } = await keysOn().create({ owner: 'a' });
    const { entry, record } = await names(key);
    await run(['DEL', entry]);
    expect((await keysOn().validate(key)).status).toBe('VALID');
    const contents = await contentsOf(store());
    expect(contents.get(entry)?.value).toBe(contents.get(record)?.value);
    expect(contents.get(entry)?.ttlMs).toBeGreaterThan(290_000);
    expect(contents.get(entry)?.ttlMs).toBeLessThanOrEqual(300_000);
  });

  it('fills no entry beyond the end of the key', async () => {
    const { key } = await keysOn().create({ owner: 'a', expiresAt: Date.now() + 100_000 });
    const { entry } = await names(key);
    await run(['DEL', entry]);
    await keysOn().validate(key);
    const ttlMs = (await contentsOf(store())).get(entry)?.ttlMs;
    expect(ttlMs).toBeGreaterThan(0);
    expect(ttlMs).toBeLessThanOrEqual(101_000);
  });

  it('fills nothing for a key that is unknown, revoked or expired', async () => {
    const keys = keysOn();
    const revoked = await keys.create({ owner: 'a' });
    await keys.revoke(revoked.key);
    const expired = await keys.create({ owner: 'b' });
    const places = { revoked: await names(revoked.key), expired: await names(expired.key) };
    const [text] = await run(['GET', places.expired.record]);
    const past = JSON.stringify({ ...JSON.parse(String(text)), expiresAt: 1 });
    await run(['SET', places.expired.record, past], ['DEL', places.expired.entry, places.revoked.entry]);
    const before = [...(await contentsOf(store())).keys()].sort();
    const asking = keysOn();
    const reasons = [];
    for (const key of [revoked.key, expired.key, keys.format.generate()]) reasons.push(await asking.validate(key));
    expect(reasons).toMatchObject([{ reason: 'revoked' }, { reason: 'expired' }, { reason: 'unknown' }]);
    expect([...(await contentsOf(store())).keys()].sort()).toEqual(before);
  });

  it('lets the tombstone of a revocation win over a record that says otherwise', async () => {
    const keys = keysOn();
    const { key } = await keys.create({ owner: 'a' });
    const { entry, record } = await names(key);
    const [text] = await run(['GET', record]);
    await keys.revoke(key);
    const [tombstone] = await run(['GET', entry], ['SET', record, String(text)]);
    expect(await keysOn().validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
    expect(await run(['GET', entry])).toEqual([tombstone]);
    // A fill that began before the revocation comes late.
    await run(['SET', entry, String(text), 'NX', 'PX', 300_000]);
    expect(await keysOn().validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
  });

  it('tells an empty store from one without this key', async () => {
    const keys = keysOn();
    const key = keys.format.generate();
    expect((await keys.validate(key)).status).toBe('UNAVAILABLE');
    await keys.create({ owner: 'a' });
    expect(await keys.validate(key)).toEqual({ status: 'INVALID', reason: 'unknown' });
  });
});

it('a key that another process has issued is known by its mark, before anybody has used it', async () => {
  const world = keyWorld('other-kv');
  const { key } = await world.start().keys.create({ owner: 'a' });
  // Its entry ends; its mark stays.
  world.clock.advance(300_001);
  const { keys } = world.start();
  const client = '192.0.2.1';
  for (let turn = 0; turn < 30; turn += 1) await keys.validate(world.unknown(), { client });
  expect(await keys.validate(world.unknown(), { client })).toMatchObject({ reason: 'locked' });
  expect(await keys.validate(key, { client })).toMatchObject({ status: 'VALID' });
});
