import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { createCodeDigests } from '../../../lib/primitives/one-time-code/code-digests.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { CODE_PEPPER } from '../../support/code-rig.ts';

const kv = createKv({ store: memoryStore(), namespace: 'app:' });
const digests = createCodeDigests(kv, CODE_PEPPER);

describe('the digest of a code', () => {
  const part = fc.string({ unit: fc.constantFrom('a', '1', '|', '"', ',', '\\', '\ud800', '\udbff'), maxLength: 3 });
  const parts = fc.record({ purpose: part, subject: part, code: part });

  it('is that of its purpose, its subject and itself alone: no part reaches into another', async () => {
    await fc.assert(
      fc.asyncProperty(parts, parts, async (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        const [ours, theirs] = await Promise.all([one, other].map((all) => digests.digest(all, all.code)));
        expect(ours === theirs).toBe(same);
      }),
      { numRuns: 1_000 },
    );
    const [ours, theirs] = await Promise.all([
      digests.digest({ purpose: 'a', subject: 'b1' }, '23456'),
      digests.digest({ purpose: 'a', subject: 'b' }, '123456'),
    ]);
    expect(ours).not.toBe(theirs);
  });

  it('is another one under another pepper', async () => {
    const others = createCodeDigests(kv, `${CODE_PEPPER}.`);
    const account = { purpose: 'login', subject: 'ann' };
    expect(await digests.digest(account, '123456')).toMatch(/^[\w-]{43}$/);
    expect(await others.digest(account, '123456')).not.toBe(await digests.digest(account, '123456'));
    expect((await others.names(account)).code).not.toBe((await digests.names(account)).code);
  });
});

describe('the grant of an attempt', () => {
  it('is that of its account, its code and its attempt alone', async () => {
    const [a, b] = [
      { purpose: 'login', subject: 'ann' },
      { purpose: 'login', subject: 'bob' },
    ];
    const grants = [
      digests.grant(a, '123456', 'x'),
      digests.grant(a, '123456', 'y'),
      digests.grant(a, '123457', 'x'),
      digests.grant(b, '123456', 'x'),
      digests.digest(a, '123456'),
    ];
    expect(new Set(await Promise.all(grants)).size).toBe(grants.length);
    expect(await digests.grant(a, '123456', 'x')).toBe(await grants[0]);
  });
});

describe('the names of an account', () => {
  it('say the purpose and a digest of the subject, in one hash tag', async () => {
    const { code, failures, cooldown, grant } = await digests.names({ purpose: 'login', subject: 'ann@example.test' });
    expect(code).toMatch(/^app:code:\{login:[\w-]{43}\}:code$/);
    expect(failures).toBe(code.replace(/code$/, 'failures'));
    expect(cooldown).toBe(code.replace(/code$/, 'cooldown'));
    expect(grant).toBe(code.replace(/code$/, 'grant'));
  });
});
