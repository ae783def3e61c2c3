import { describe, expect, it } from 'vitest';
import { begun, CART, sessionRig, started } from '../../support/session-rig.ts';

/** As a client on a warm server sends it: the text of a script is sent once per server. */
const warmRig = async (options = {}) => {
  const rig = sessionRig(options);
  const { token, session } = await begun(rig.sessions, 'warm');
  await rig.sessions.rotate(session);
  await rig.sessions.destroy(token);
  await rig.sessions.revokeUser('warm');
  return rig;
};

describe('requests to Redis', () => {
  it('are one to begin, read, save, rotate and destroy a session', async () => {
    const { sessions, requests } = await warmRig();
    let { token, session } = await begun(sessions);
    expect(await requests(() => sessions.create('ada', CART))).toEqual(['EVALSHA']);
    expect(await requests(() => sessions.read(token))).toEqual(['PTTL MGET']);
    expect(await requests(() => sessions.save(token, CART))).toEqual(['EVALSHA']);
    expect(
      await requests(async () => {
        ({ token, session } = started(await sessions.rotate(session)));
      }),
    ).toEqual(['EVALSHA']);
    expect(await requests(() => sessions.destroy(session))).toEqual(['EVALSHA']);
    expect(await requests(() => sessions.put('id', CART))).toEqual(['EVALSHA']);
    expect(await requests(() => sessions.get('id'))).toEqual(['PTTL MGET']);
    expect(await requests(() => sessions.remove('id'))).toEqual(['EVALSHA']);
  });

  it('are none for what is no token', async () => {
    const { sessions, requests } = sessionRig();
    const none = ['', 'x', '../../etc', `${'a'.repeat(22)}.${'b'.repeat(42)}`, `${'a'.repeat(22)}.${'b'.repeat(44)}`];
    for (const token of [...none, `${'a'.repeat(22)}.${'-'.repeat(43)}`, 'x'.repeat(1_000_000)]) {
      expect(await requests(() => sessions.read(token))).toEqual([]);
      expect(await requests(() => sessions.save(token, CART))).toEqual([]);
      expect(await requests(() => sessions.destroy(token))).toEqual([]);
      expect(await requests(() => sessions.end(token))).toEqual([]);
    }
  });

  it('are two for a login, and one more for the old token while its grace lasts', async () => {
    const { sessions, requests } = await warmRig();
    const { token, session } = await begun(sessions);
    expect(await requests(() => sessions.rotate(session, { userId: 'bob' }))).toEqual(['EVALSHA', 'EVALSHA']);
    const other = await begun(sessions);
    await sessions.rotate(other.session, { graceMs: 1_000 });
    expect(await requests(() => sessions.read(other.token))).toEqual(['PTTL MGET', 'PTTL MGET PTTL']);
    expect(await requests(() => sessions.read(token))).toEqual(['PTTL MGET']);
  });

  it('are one to revoke, and what Redis does for it does not depend on how many sessions there are', async () => {
    const { sessions, store, requests } = await warmRig({ maxPerUser: 0 });
    for (const count of [1, 10, 200]) {
      for (let index = 0; index < count; index += 1) await begun(sessions);
      expect(await requests(() => sessions.revokeUser('ada'))).toEqual(['EVALSHA']);
      // Number of keys, and what comes with them: neither grows.
      expect(store.requests.at(-1)?.[0]).toHaveLength(5);
    }
    expect(await sessions.list('ada')).toEqual({ status: 'listed', sessions: [] });
  });

  it('are two for a list, and one more for each 200 sessions', async () => {
    const { sessions, requests } = await warmRig({ maxPerUser: 0 });
    expect(await requests(() => sessions.list('ada'))).toEqual(['ZRANGE']);
    for (let index = 0; index < 200; index += 1) await begun(sessions);
    expect(await requests(() => sessions.list('ada'))).toHaveLength(2);
    await begun(sessions);
    expect(await requests(() => sessions.list('ada'))).toHaveLength(3);
  });

  it('have neither a token, nor whose it is, nor data in any key', async () => {
    const { sessions, store } = sessionRig();
    const { token, session } = await begun(sessions, 'ada@example.test');
    await sessions.put('somebody’s id', CART);
    await sessions.rotate(session, { userId: 'bob@example.test' });
    await sessions.list('ada@example.test');
    await sessions.revokeUser('ada@example.test');
    const secret = token.split('.')[1] ?? '';
    const sent = JSON.stringify(store.requests);
    expect(sent).not.toContain(secret);
    expect(sent).not.toContain('somebody’s id');
    const keys = await store.execute([['KEYS', '*']]);
    for (const word of ['ada', 'bob', 'example', 'items', secret]) expect(JSON.stringify(keys)).not.toContain(word);
  });
});
