import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { createCodes } from '../../../lib/primitives/one-time-code/codes.ts';
import type { CodesOptions } from '../../../lib/primitives/one-time-code/codes-options.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';

const kv = createKv({ store: memoryStore() });
const create = (options: Partial<CodesOptions>) => createCodes({ kv, pepper: 'x'.repeat(32), ...options });

describe('the options of one-time codes', () => {
  it.each([
    { digits: 6 },
    { digits: 8 },
    { ttlMs: 1_000 },
    { ttlMs: 600_000 },
    { maxTries: 1 },
    { maxTries: 10 },
    { maxFailures: 1 },
    { maxFailures: 100 },
    { failureWindowMs: 60_000 },
    { failureWindowMs: 31_536_000_000 },
    { resendCooldownMs: 0 },
    { resendCooldownMs: 600_000 },
    { pepper: 'x'.repeat(32) },
    { digits: undefined, ttlMs: undefined, maxTries: undefined, maxFailures: undefined, failureWindowMs: undefined },
  ])('may be %j', (options) => {
    expect(() => create(options)).not.toThrow();
  });

  it.each([
    ['digits', 5, 9, 6.5],
    ['ttlMs', 999, 600_001, Number.NaN],
    ['maxTries', 0, 11, 1.5],
    ['maxFailures', 0, 101, Number.POSITIVE_INFINITY],
    ['failureWindowMs', 59_999, 31_536_000_001, -1],
    ['resendCooldownMs', -1, 600_001, 0.5],
  ])('of %s refuse %d, %d and %d', (setting, ...wrong) => {
    for (const value of wrong) {
      expect(() => create({ [setting]: value })).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
    }
  });

  it('refuse a pepper that is short or missing, and do not say it', () => {
    for (const pepper of ['', 'hunter2', 'x'.repeat(31), undefined as unknown as string]) {
      expect(() => create({ pepper })).toThrow(/^pepper must have at least 32 characters$/);
    }
  });

  it('refuse a purpose or a subject that is none, and do not say it', async () => {
    const codes = create({});
    for (const purpose of ['', 'a b', 'a:b', '{a}', 'ä', 'x'.repeat(65), undefined as unknown as string]) {
      const account = { purpose, subject: 'ann' };
      const refused = {
        code: 'CONFIG',
        setting: 'purpose',
        message: expect.stringMatching(/^purpose must be [^{:ä]*$/),
      };
      await expect(codes.issue(account)).rejects.toMatchObject(refused);
      await expect(codes.verify({ ...account, code: '1' })).rejects.toMatchObject(refused);
      await expect(codes.unlock(account)).rejects.toMatchObject(refused);
      await expect(codes.cancel(account)).rejects.toMatchObject(refused);
    }
    for (const subject of ['', 7 as unknown as string]) {
      await expect(codes.issue({ purpose: 'login', subject })).rejects.toMatchObject({ setting: 'subject' });
    }
    expect(await codes.issue({ purpose: 'A-z_0.9'.padEnd(64, 'x'), subject: 'ann'.repeat(1_000) })).toMatchObject({
      status: 'issued',
    });
  });
});
