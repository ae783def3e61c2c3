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

  const KID = 'pepper.kid must be 1 to 16 letters and digits, and not "plain"';
  const SHORT = 'x'.repeat(15);

  it.each([
    [KID, { kid: '', secret: SECRET }],
    [KID, { kid: 'plain', secret: SECRET }],
    [KID, { kid: 'a:b', secret: SECRET }],
    [KID, { kid: 'x'.repeat(17), secret: SECRET }],
    ['pepper.secret must have at least 16 characters', { kid: 'k1', secret: SHORT }],
  ])('is refused with words that name the setting and do not show it: %s', (message, pepper) => {
    const [setting] = message.split(' ');
    expect(() => createDigester(pepper)).toThrow(expect.objectContaining({ code: 'CONFIG', setting, message }));
  });

  it('is made under a pepper at its bounds', async () => {
    for (const kid of ['k', 'K'.repeat(16)]) {
      expect(await createDigester({ kid, secret: `${SHORT}x` })(KEY)).toMatchObject({ kid });
    }
  });
});
