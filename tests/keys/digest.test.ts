import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createDigester } from '../../lib/keys/digest.ts';

const KEY = 'bw_live_0123456789abcdefghijklmnopqrstuv012345';
const SECRET = 'a secret of at least sixteen characters';

describe('the digest of a key', () => {
  it('is HMAC-SHA-256 under the pepper, beside the name of the pepper', async () => {
    const digest = createHmac('sha256', SECRET).update(KEY).digest('base64url');
    expect(await createDigester({ kid: 'k1', secret: SECRET })(KEY)).toEqual({ kid: 'k1', digest });
  });

  it('is plain SHA-256 without a pepper', async () => {
    const digest = createHash('sha256').update(KEY).digest('base64url');
    expect(await createDigester(undefined)(KEY)).toEqual({ kid: 'plain', digest });
  });

  it('is another one under every pepper', async () => {
    const digests = await Promise.all(
      ['first', 'second'].map((name) => createDigester({ kid: 'k1', secret: `${name} ${SECRET}` })(KEY)),
    );
    expect(new Set(digests.map(({ digest }) => digest)).size).toBe(2);
  });

  it.each([
    ['pepper.kid', { kid: '', secret: SECRET }],
    ['pepper.kid', { kid: 'plain', secret: SECRET }],
    ['pepper.kid', { kid: 'a:b', secret: SECRET }],
    ['pepper.kid', { kid: 'x'.repeat(17), secret: SECRET }],
    ['pepper.secret', { kid: 'k1', secret: 'too short' }],
  ])('is refused for want of a good %s, which is named and not shown', (setting, pepper) => {
    expect(() => createDigester(pepper)).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
    expect(() => createDigester(pepper)).not.toThrow(SECRET);
  });
});
