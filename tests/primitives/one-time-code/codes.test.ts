import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { createCodes } from '../../../lib/primitives/one-time-code/codes.ts';
import type { CodeIssue } from '../../../lib/primitives/one-time-code/codes-options.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { type CodeRigOptions, codeRig, issuedCode, otherThan } from '../../support/code-rig.ts';

const ANN = { purpose: 'login', subject: 'ann@example.test' };

function rig(options: CodeRigOptions = {}) {
  const clock = manualClock();
  return { clock, ...codeRig(createKv({ store: memoryStore({ clock }), clock }), options) };
}

describe('a code', () => {
  it('is digits, as many as one likes, and good once', async () => {
    for (const digits of [6, 7, 8]) {
      const { codes } = rig({ digits });
      const issued = await codes.issue(ANN);
      expect(issued).toEqual({
        status: 'issued',
        code: expect.stringMatching(new RegExp(`^[0-9]{${digits}}$`)),
        expiresInMs: 300_000,
        resendAfterMs: 60_000,
      });
      const answer = { ...ANN, code: codeIn(issued) };
      expect(await codes.verify(answer)).toEqual({ status: 'verified' });
      expect(await codes.verify(answer)).toEqual({ status: 'expired' });
    }
  });

  it.each([undefined, 1_000, 600_000])('is good to its end, and not after it: %s ms', async (ttlMs) => {
    const { codes, clock } = rig({ ttlMs });
    const lifeMs = ttlMs ?? 300_000;
    for (const [ageMs, status] of [
      [lifeMs, 'verified'],
      [lifeMs + 1, 'expired'],
    ] as const) {
      const code = await issuedCode(codes, ANN);
      clock.advance(ageMs);
      expect(await codes.verify({ ...ANN, code })).toEqual({ status });
      clock.advance(60_000);
    }
  });

  it('is for its purpose and its subject only, whatever is in their names', async () => {
    const { codes } = rig();
    const code = await issuedCode(codes, { purpose: 'a', subject: 'b|c' });
    for (const account of [
      { purpose: 'a', subject: 'b' },
      { purpose: 'b', subject: 'b|c' },
      { purpose: 'a', subject: 'B|C' },
    ]) {
      expect(await codes.verify({ ...account, code })).toEqual({ status: 'expired' });
      await issuedCode(codes, account);
    }
    expect(await codes.verify({ purpose: 'a', subject: 'b|c', code })).toEqual({ status: 'verified' });
  });

  it('takes the place of the one before', async () => {
    const { codes, clock } = rig();
    const first = await issuedCode(codes, ANN);
    clock.advance(60_000);
    const second = await issuedCode(codes, ANN, (code) => code !== first);
    expect(await codes.verify({ ...ANN, code: first })).toEqual({ status: 'wrong', triesLeft: 4 });
    expect(await codes.verify({ ...ANN, code: second })).toEqual({ status: 'verified' });
  });

  it('under another pepper is another one', async () => {
    const { codes, kv } = rig();
    const code = await issuedCode(codes, ANN);
    const others = createCodes({ kv, pepper: 'another pepper of more than 32 characters' });
    expect(await others.verify({ ...ANN, code })).toEqual({ status: 'expired' });
    expect(await codes.verify({ ...ANN, code })).toEqual({ status: 'verified' });
  });

  it('is good no longer when it is cancelled, and the next may follow at once', async () => {
    const { codes } = rig();
    const code = await issuedCode(codes, ANN);
    expect(await codes.verify({ ...ANN, code: otherThan(code) })).toEqual({ status: 'wrong', triesLeft: 4 });
    expect(await codes.cancel(ANN)).toEqual({ status: 'cancelled' });
    expect(await codes.verify({ ...ANN, code })).toEqual({ status: 'expired' });
    expect(await codes.issue(ANN)).toMatchObject({ status: 'issued' });
  });
});

describe('what was typed', () => {
  it.each(['%s', ' %s\n', '%s\u00a0', '\t%s '])('may have white space about it: %j', async (form) => {
    const { codes } = rig();
    const code = await issuedCode(codes, ANN);
    expect(await codes.verify({ ...ANN, code: form.replace('%s', code) })).toEqual({ status: 'verified' });
  });

  it('may have white space in it', async () => {
    const { codes } = rig();
    const code = await issuedCode(codes, ANN);
    expect(await codes.verify({ ...ANN, code: `${code.slice(0, 3)} ${code.slice(3)}` })).toEqual({
      status: 'verified',
    });
  });

  it.each([
    ['', 'nothing'],
    ['12345', 'a digit too few'],
    ['1234567', 'a digit too many'],
    ['12345a', 'a letter'],
    ['-12345', 'a sign'],
    ['１２３４５６', 'digits of another alphabet'],
    ['١٢٣٤٥٦', 'digits of another script'],
    [`123456${' '.repeat(59)}`, 'more than 64 characters'],
    [123456 as unknown as string, 'no text'],
    [undefined as unknown as string, 'not there'],
  ])('is malformed, not counted, and costs no request: %j (%s)', async (typed) => {
    const { codes, requests } = rig();
    const code = await issuedCode(codes, ANN);
    const before = requests();
    for (let count = 0; count < 6; count += 1)
      expect(await codes.verify({ ...ANN, code: typed })).toEqual({ status: 'malformed' });
    expect(requests()).toBe(before);
    expect(await codes.verify({ ...ANN, code })).toEqual({ status: 'verified' });
  });

  it('may have 64 characters', async () => {
    const { codes } = rig();
    const code = await issuedCode(codes, ANN);
    expect(await codes.verify({ ...ANN, code: code.padEnd(64) })).toEqual({ status: 'verified' });
  });
});

describe('wrong answers', () => {
  it('end a code with the fifth', async () => {
    for (const wrong of [4, 5]) {
      const { codes } = rig();
      const code = await issuedCode(codes, ANN);
      for (let count = 1; count <= wrong; count += 1) {
        expect(await codes.verify({ ...ANN, code: otherThan(code) })).toEqual({
          status: 'wrong',
          triesLeft: 5 - count,
        });
      }
      expect(await codes.verify({ ...ANN, code })).toEqual({ status: wrong < 5 ? 'verified' : 'expired' });
    }
  });

  it('are not those to no code at all', async () => {
    const { codes } = rig({ maxFailures: 1 });
    for (let count = 0; count < 3; count += 1)
      expect(await codes.verify({ ...ANN, code: '123456' })).toEqual({ status: 'expired' });
    expect(await codes.issue(ANN)).toMatchObject({ status: 'issued' });
  });

  it('lock the account with the last that it has, for the right one and for new codes, to the end of their time', async () => {
    const { codes, clock } = rig({ maxFailures: 7, maxTries: 5, failureWindowMs: 3_600_000, resendCooldownMs: 0 });
    const fail = async (times: number) => {
      const code = await issuedCode(codes, ANN);
      const checks = [];
      for (let count = 0; count < times; count += 1) checks.push(await codes.verify({ ...ANN, code: otherThan(code) }));
      return { code, last: checks.at(-1) };
    };
    await fail(5);
    clock.advance(1_000_000);
    expect((await fail(1)).last).toEqual({ status: 'wrong', triesLeft: 1 });
    const { code, last } = await fail(1);
    expect(last).toEqual({ status: 'wrong', triesLeft: 0 });
    const locked = { status: 'locked', retryAfterMs: 2_600_000 };
    expect(await codes.verify({ ...ANN, code })).toEqual(locked);
    expect(await codes.issue(ANN)).toEqual(locked);
    clock.advance(2_600_000);
    expect(await codes.issue(ANN)).toEqual({ status: 'locked', retryAfterMs: 1 });
    clock.advance(1);
    const fresh = await issuedCode(codes, ANN);
    expect(await codes.verify({ ...ANN, code: otherThan(fresh) })).toEqual({ status: 'wrong', triesLeft: 4 });
  });

  it('of one purpose or subject lock no other', async () => {
    const { codes } = rig({ maxFailures: 1 });
    const code = await issuedCode(codes, ANN);
    await codes.verify({ ...ANN, code: otherThan(code) });
    expect(await codes.issue(ANN)).toMatchObject({ status: 'locked' });
    expect(await codes.issue({ ...ANN, purpose: 'reset' })).toMatchObject({ status: 'issued' });
    expect(await codes.issue({ ...ANN, subject: 'bob' })).toMatchObject({ status: 'issued' });
  });

  it('are forgotten with a right one', async () => {
    const { codes } = rig({ maxFailures: 5, resendCooldownMs: 0 });
    for (let round = 0; round < 3; round += 1) {
      const code = await issuedCode(codes, ANN);
      for (let count = 1; count <= 4; count += 1) {
        expect(await codes.verify({ ...ANN, code: otherThan(code) })).toEqual({
          status: 'wrong',
          triesLeft: 5 - count,
        });
      }
      expect(await codes.verify({ ...ANN, code })).toEqual({ status: 'verified' });
    }
  });

  it('are forgotten when the account is unlocked, and a code that is under way is not', async () => {
    const { codes } = rig({ maxFailures: 2, maxTries: 5, resendCooldownMs: 0 });
    const locking = await issuedCode(codes, ANN);
    for (let count = 0; count < 2; count += 1) await codes.verify({ ...ANN, code: otherThan(locking) });
    expect(await codes.issue(ANN)).toMatchObject({ status: 'locked' });
    expect(await codes.unlock(ANN)).toEqual({ status: 'unlocked' });
    const code = await issuedCode(codes, ANN);
    expect(await codes.verify({ ...ANN, code: otherThan(code) })).toEqual({ status: 'wrong', triesLeft: 1 });
    expect(await codes.unlock(ANN)).toEqual({ status: 'unlocked' });
    expect(await codes.verify({ ...ANN, code })).toEqual({ status: 'verified' });
  });

  it('are not forgotten with a new code, nor when one is cancelled', async () => {
    const { codes } = rig({ maxFailures: 3, resendCooldownMs: 0 });
    for (const triesLeft of [2, 1, 0]) {
      const code = await issuedCode(codes, ANN);
      expect(await codes.verify({ ...ANN, code: otherThan(code) })).toEqual({ status: 'wrong', triesLeft });
      await codes.cancel(ANN);
    }
    expect(await codes.issue(ANN)).toMatchObject({ status: 'locked' });
  });
});

describe('the wait for another code', () => {
  it.each([undefined, 1, 600_000])(
    'ends with its time, and leaves the first one good: %s ms',
    async (resendCooldownMs) => {
      const { codes, clock } = rig({ resendCooldownMs, ttlMs: 600_000 });
      const waitMs = resendCooldownMs ?? 60_000;
      const first = await issuedCode(codes, ANN);
      expect(await codes.issue(ANN)).toEqual({ status: 'cooldown', retryAfterMs: waitMs });
      clock.advance(waitMs - 1);
      expect(await codes.issue(ANN)).toEqual({ status: 'cooldown', retryAfterMs: 1 });
      if (waitMs < 600_000) expect(await codes.verify({ ...ANN, code: first })).toEqual({ status: 'verified' });
      expect(await codes.issue(ANN)).toEqual({ status: 'cooldown', retryAfterMs: 1 });
      clock.advance(1);
      expect(await codes.issue(ANN)).toMatchObject({ status: 'issued', resendAfterMs: waitMs });
    },
  );

  it('may be none', async () => {
    const { codes } = rig({ resendCooldownMs: 0 });
    await issuedCode(codes, ANN);
    expect(await codes.issue(ANN)).toMatchObject({ status: 'issued', resendAfterMs: 0 });
  });
});

function codeIn(issue: CodeIssue): string {
  return issue.status === 'issued' ? issue.code : '';
}
