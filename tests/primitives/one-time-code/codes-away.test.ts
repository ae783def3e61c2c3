import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { StoreError } from '../../../lib/errors.ts';
import { issueScript, verifyScript } from '../../../lib/primitives/one-time-code/code-scripts.ts';
import type { Codes } from '../../../lib/primitives/one-time-code/codes-options.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { codeRig, issuedCode, otherThan } from '../../support/code-rig.ts';
import { eventually } from '../../support/eventually.ts';
import { heldStore } from '../../support/held-store.ts';
import { AWAY, scriptedClient } from '../../support/scripted-client.ts';
import { watchedStore } from '../../support/watched-store.ts';

const ANN = { purpose: 'login', subject: 'ann@example.test' };

const CALLS: readonly (readonly [string, (codes: Codes) => Promise<unknown>])[] = [
  ['issue', (codes) => codes.issue(ANN)],
  ['verify', (codes) => codes.verify({ ...ANN, code: '123456' })],
  ['unlock', (codes) => codes.unlock(ANN)],
  ['cancel', (codes) => codes.cancel(ANN)],
];

describe.each(CALLS)('%s, while Redis is away,', (_, call) => {
  it('is unavailable, and has not run where Redis was not reached', async () => {
    const { kv, store } = scriptedClient();
    store.respond(() => AWAY);
    expect(await call(codeRig(kv).codes)).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false });
    expect(store.sent.length).toBe(1);
  });

  it('is unavailable, and may have run where the answer was lost; it is not sent again', async () => {
    const { kv, store } = scriptedClient({ retry: { reads: true } });
    store.respond(() => new StoreError('network', 'reset'));
    expect(await call(codeRig(kv).codes)).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: true });
    expect(store.sent.length).toBe(1);
  });

  it('is unavailable at the deadline, and is not sent again', async () => {
    const { kv, store, clock } = scriptedClient({ retry: { reads: true } });
    const answer = call(codeRig(kv).codes);
    await eventually(() => store.sent.length === 1);
    await clock.run(1_000);
    expect(await answer).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: true });
    expect(store.sent.length).toBe(1);
  });

  it('is unavailable while the circuit is open, at once, and says for how long; nothing is sent', async () => {
    const { kv, store, clock, trip } = scriptedClient({ breaker: { timeout: 5_000 } });
    await trip();
    clock.advance(1_000);
    const sent = store.sent.length;
    expect(await call(codeRig(kv).codes)).toEqual({ status: 'unavailable', retryAfterMs: 4_000, mayHaveRun: false });
    expect(store.sent.length).toBe(sent);
  });

  it('throws what is no outage', async () => {
    const { kv, store } = scriptedClient();
    store.respond(() => [{ error: 'WRONGTYPE Operation against a key holding the wrong kind of value' }]);
    await expect(call(codeRig(kv).codes)).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'WRONGTYPE' });
  });
});

describe('an answer that is lost', () => {
  const rig = () => {
    const clock = manualClock();
    const watched = watchedStore(memoryStore({ clock }));
    const store = heldStore(watched);
    return { clock, store, watched, ...codeRig(createKv({ store, clock })) };
  };
  const lost = async <T>(store: ReturnType<typeof heldStore>, call: () => Promise<T>): Promise<T> => {
    store.hold();
    const answer = call();
    await eventually(() => store.held === 1);
    store.lose(new StoreError('network', 'reset'));
    store.deliver();
    return answer;
  };
  const unavailable = { status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: true };

  it('to a right one leaves the code used up, and another one to be had after the cooldown', async () => {
    const { codes, store, clock } = rig();
    const code = await issuedCode(codes, ANN);
    expect(await codes.verify({ ...ANN, code: otherThan(code) })).toMatchObject({ status: 'wrong' });
    expect(await lost(store, () => codes.verify({ ...ANN, code }))).toEqual(unavailable);
    expect(await codes.verify({ ...ANN, code })).toEqual({ status: 'expired' });
    expect(await codes.issue(ANN)).toMatchObject({ status: 'cooldown' });
    clock.advance(60_000);
    expect(await codes.issue(ANN)).toMatchObject({ status: 'issued' });
  });

  it('to a wrong one leaves it counted, once', async () => {
    const { codes, store } = rig();
    const code = await issuedCode(codes, ANN);
    await codes.verify({ ...ANN, code: otherThan(code) });
    expect(await lost(store, () => codes.verify({ ...ANN, code: otherThan(code) }))).toEqual(unavailable);
    expect(await codes.verify({ ...ANN, code: otherThan(code) })).toEqual({ status: 'wrong', triesLeft: 2 });
    expect(await codes.verify({ ...ANN, code })).toEqual({ status: 'verified' });
  });

  it('to a call for a code leaves one that nobody knows: the next may be had once it is cancelled', async () => {
    const { codes, store } = rig();
    await issuedCode(codes, ANN);
    await codes.cancel(ANN);
    expect(await lost(store, () => codes.issue(ANN))).toEqual(unavailable);
    expect(await codes.issue(ANN)).toMatchObject({ status: 'cooldown' });
    await codes.cancel(ANN);
    expect(await codes.issue(ANN)).toMatchObject({ status: 'issued' });
  });
});

describe('a code', () => {
  it('costs one request to issue and one to verify, right or wrong, once Redis knows the scripts', async () => {
    const store = watchedStore(memoryStore());
    const { codes } = codeRig(createKv({ store }), { resendCooldownMs: 0 });
    await codes.verify({ ...ANN, code: otherThan(await issuedCode(codes, ANN)) });
    const [issueSha1, verifySha1] = [await issueScript.sha1(), await verifyScript.sha1()];
    const before = store.requests.length;
    const code = await issuedCode(codes, ANN);
    await codes.verify({ ...ANN, code: otherThan(code) });
    await codes.verify({ ...ANN, code });
    await codes.verify({ ...ANN, code });
    await codes.unlock(ANN);
    await codes.cancel(ANN);
    expect(store.requests.slice(before).map((commands) => commands.map(([name, first]) => [name, first]))).toEqual([
      [['EVALSHA', issueSha1]],
      [['EVALSHA', verifySha1]],
      [['EVALSHA', verifySha1]],
      [['EVALSHA', verifySha1]],
      [['DEL', expect.stringMatching(/:failures$/)]],
      [['DEL', expect.stringMatching(/:code$/)]],
    ]);
  });
});
