import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { StoreError } from '../../../lib/errors.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { codeRig, issuedCode, otherThan } from '../../support/code-rig.ts';
import { eventually } from '../../support/eventually.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { heldStore } from '../../support/held-store.ts';

const ANN = { purpose: 'login', subject: 'ann@example.test' };

function rig() {
  const clock = manualClock();
  const store = heldStore(memoryStore({ clock }));
  return { clock, store, ...codeRig(createKv({ store, clock }), { resendCooldownMs: 0 }) };
}

describe('a right answer in an attempt', () => {
  it('that was lost is given again to the same attempt, as often as it is lost', async () => {
    const { codes, store } = rig();
    const answer = { ...ANN, code: await issuedCode(codes, ANN), attempt: 'a' };
    for (let count = 0; count < 2; count += 1) {
      store.hold();
      const lost = codes.verify(answer);
      await eventually(() => store.held === 1);
      store.lose(new StoreError('network', 'reset'));
      store.deliver();
      expect(await lost).toMatchObject({ status: 'unavailable', mayHaveRun: true });
    }
    expect(await codes.verify(answer)).toEqual({ status: 'verified' });
  });

  it('is given again for a minute, and not after it', async () => {
    for (const [ageMs, status] of [
      [60_000, 'verified'],
      [60_001, 'expired'],
    ] as const) {
      const { codes, clock } = rig();
      const answer = { ...ANN, code: await issuedCode(codes, ANN), attempt: 'a' };
      expect(await codes.verify(answer)).toEqual({ status: 'verified' });
      clock.advance(ageMs);
      expect(await codes.verify(answer)).toEqual({ status });
    }
  });

  it.each([
    ['in another attempt', (code: string) => ({ code, attempt: 'b' })],
    ['in none', (code: string) => ({ code })],
    ['in an empty one', (code: string) => ({ code, attempt: '' })],
    ['with another code', (code: string) => ({ code: otherThan(code), attempt: 'a' })],
  ])('is not given %s, after which nobody is given it again', async (_, other) => {
    const { codes } = rig();
    const code = await issuedCode(codes, ANN);
    expect(await codes.verify({ ...ANN, code, attempt: 'a' })).toEqual({ status: 'verified' });
    expect(await codes.verify({ ...ANN, ...other(code) })).toEqual({ status: 'expired' });
    expect(await codes.verify({ ...ANN, code, attempt: 'a' })).toEqual({ status: 'expired' });
  });

  it('is given again until another code is issued', async () => {
    const { codes } = rig();
    const answer = { ...ANN, code: await issuedCode(codes, ANN), attempt: 'a' };
    await codes.verify(answer);
    await issuedCode(codes, ANN, (code) => code !== answer.code);
    for (const triesLeft of [4, 3, 2, 1, 0]) expect(await codes.verify(answer)).toEqual({ status: 'wrong', triesLeft });
    expect(await codes.verify(answer)).toEqual({ status: 'expired' });
  });

  it('is given again until the code is cancelled', async () => {
    const { codes } = rig();
    const answer = { ...ANN, code: await issuedCode(codes, ANN), attempt: 'a' };
    await codes.verify(answer);
    await codes.cancel(ANN);
    expect(await codes.verify(answer)).toEqual({ status: 'expired' });
  });

  it('leaves no wrong one right, and each of them counted', async () => {
    const { codes } = rig();
    const code = await issuedCode(codes, ANN);
    for (const triesLeft of [4, 3, 2, 1, 0]) {
      expect(await codes.verify({ ...ANN, code: otherThan(code), attempt: 'a' })).toEqual({
        status: 'wrong',
        triesLeft,
      });
    }
    expect(await codes.verify({ ...ANN, code, attempt: 'a' })).toEqual({ status: 'expired' });
  });
});

onEveryKv('one-time codes in attempts', (makeKv) => {
  it('are verified for one attempt of fifty at once', async () => {
    const { codes } = codeRig(makeKv());
    const code = await issuedCode(codes, ANN);
    const attempts = Array.from({ length: 50 }, (_, index) => `attempt ${index}`);
    const told = await Promise.all(attempts.map((attempt) => codes.verify({ ...ANN, code, attempt })));
    expect(told.filter(({ status }) => status === 'verified').length).toBe(1);
    expect(told.filter(({ status }) => status === 'expired').length).toBe(49);
  });

  it('are verified again for the attempt that was verified', async () => {
    const { codes } = codeRig(makeKv());
    const answer = { ...ANN, code: await issuedCode(codes, ANN), attempt: 'a' };
    for (let count = 0; count < 3; count += 1) expect(await codes.verify(answer)).toEqual({ status: 'verified' });
    expect(await codes.verify({ ...answer, attempt: 'b' })).toEqual({ status: 'expired' });
  });
});
