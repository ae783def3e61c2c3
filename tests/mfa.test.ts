import { describe, expect, it, vi } from 'vitest';
import { cancelMfaCode, checkMfaCode, issueMfaCode, unlockMfa, verifyMfaCode } from '../lib/mfa.ts';
import { otherThan } from './support/code-rig.ts';
import { forgetDefaults, useDefaultEnvironment } from './support/default-environment.ts';

useDefaultEnvironment({ BREAKWATER_CODE_PEPPER: 'a pepper of codes with more than 32 characters' });

async function issued(userId: string): Promise<string> {
  const answer = await issueMfaCode(userId);
  if (answer.status !== 'issued') throw new Error(`No code was issued: ${answer.status}`);
  return answer.code;
}

/** Where nobody listens. */
function takeRedisAway(): void {
  vi.stubEnv('KV_STORE', undefined);
  vi.stubEnv('KV_REST_API_URL', 'http://127.0.0.1:9');
  vi.stubEnv('KV_REST_API_TOKEN', 'token');
  forgetDefaults();
}

describe('MFA codes', () => {
  it('have 6 digits, are good for 5 minutes, for their user, and once', async () => {
    expect(await issueMfaCode('ann')).toEqual({
      status: 'issued',
      code: expect.stringMatching(/^[0-9]{6}$/),
      expiresInMs: 300_000,
      resendAfterMs: 60_000,
    });
    await cancelMfaCode('ann');
    const code = await issued('ann');
    expect(await verifyMfaCode('bob', code)).toBe(false);
    expect(await verifyMfaCode('ann', otherThan(code))).toBe(false);
    expect(await verifyMfaCode('ann', code)).toBe(true);
    expect(await verifyMfaCode('ann', code)).toBe(false);
  });

  it('may be tried five times', async () => {
    const code = await issued('ann');
    for (const triesLeft of [4, 3, 2, 1, 0]) {
      expect(await checkMfaCode('ann', otherThan(code))).toEqual({ status: 'wrong', triesLeft });
    }
    expect(await verifyMfaCode('ann', code)).toBe(false);
    expect(await checkMfaCode('ann', code)).toEqual({ status: 'expired' });
    expect(await issueMfaCode('ann')).toMatchObject({ status: 'cooldown' });
  });

  it('lock a user after a hundred wrong answers, who can be unlocked', async () => {
    for (let round = 0; round < 20; round += 1) {
      const code = await issued('ann');
      for (let count = 0; count < 5; count += 1) expect(await verifyMfaCode('ann', otherThan(code))).toBe(false);
      await cancelMfaCode('ann');
    }
    expect(await issueMfaCode('ann')).toMatchObject({ status: 'locked' });
    expect(await checkMfaCode('ann', '123456')).toMatchObject({ status: 'locked' });
    expect(await verifyMfaCode('ann', '123456')).toBe(false);
    expect(await unlockMfa('ann')).toEqual({ status: 'unlocked' });
    expect(await verifyMfaCode('ann', await issued('ann'))).toBe(true);
  });

  it('are cancelled', async () => {
    const code = await issued('ann');
    expect(await cancelMfaCode('ann')).toEqual({ status: 'cancelled' });
    expect(await verifyMfaCode('ann', code)).toBe(false);
  });

  it("are nobody's wrong code while Redis is away: an error says so, or a status", async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    takeRedisAway();
    await expect(verifyMfaCode('ann', '123456')).rejects.toMatchObject({
      code: 'STORE',
      kind: 'unavailable',
      retryAfterMs: 1_000,
      mayHaveRun: expect.any(Boolean),
    });
    for (const answer of [issueMfaCode('ann'), checkMfaCode('ann', '123456'), cancelMfaCode('ann'), unlockMfa('ann')]) {
      expect(await answer).toMatchObject({ status: 'unavailable' });
    }
    expect(await verifyMfaCode('ann', 'no code')).toBe(false);
  });
});

describe('without BREAKWATER_CODE_PEPPER', () => {
  it('nothing works in production, and the error says what to set, each time', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.stubEnv('BREAKWATER_CODE_PEPPER', undefined);
    vi.stubEnv('NODE_ENV', 'production');
    forgetDefaults();
    const missing = { code: 'CONFIG', setting: 'BREAKWATER_CODE_PEPPER' };
    for (const call of [issueMfaCode, unlockMfa, cancelMfaCode])
      await expect(call('ann')).rejects.toMatchObject(missing);
    for (const call of [checkMfaCode, verifyMfaCode]) await expect(call('ann', '1')).rejects.toMatchObject(missing);
  });

  it('codes are good in their process elsewhere, which is said once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.stubEnv('BREAKWATER_CODE_PEPPER', undefined);
    forgetDefaults();
    expect(await verifyMfaCode('ann', await issued('ann'))).toBe(true);
    expect(warn.mock.calls).toEqual([[expect.stringContaining('BREAKWATER_CODE_PEPPER is not set')]]);
  });
});
