import { describe, expect, it } from 'vitest';
import { type IdentityCheck, identityProblem, withScopes } from '../../lib/guard/identity-check.ts';

const verified: IdentityCheck = { ok: true, identity: { id: 'key_1', owner: 'acme', scopes: ['keys:*'] } };

describe('the scopes of an identity', () => {
  it('leave a check as it is where they suffice', () => {
    expect(withScopes(verified, [])).toBe(verified);
    expect(withScopes(verified, ['keys:read', 'keys:write'])).toBe(verified);
  });

  it('are named where one of them is missing', () => {
    expect(withScopes(verified, ['keys:read', 'admin'])).toEqual({
      ok: false,
      reason: 'scope',
      scopes: ['keys:read', 'admin'],
    });
  });

  it('matter to nobody who is not verified', () => {
    for (const reason of ['missing', 'altered', 'old', 'foreign', 'unconfigured'] as const) {
      expect(withScopes({ ok: false, reason }, ['admin'])).toEqual({ ok: false, reason });
    }
  });
});

describe('the answer to a check that has failed', () => {
  it.each(['missing', 'altered', 'old', 'foreign'] as const)(
    'is a 401 that does not call the key invalid, and does not say why: %s',
    async (reason) => {
      const response = identityProblem({ ok: false, reason });
      expect(response.status).toBe(401);
      expect(Object.fromEntries(response.headers)).toEqual({
        'cache-control': 'no-store',
        'content-type': 'application/problem+json',
        'www-authenticate': 'Bearer realm="api"',
      });
      expect(await response.json()).toEqual({
        type: 'about:blank',
        title: 'Unauthorized',
        status: 401,
        detail: 'This request did not come through the front door.',
        code: 'identity-unverified',
      });
    },
  );

  it('is a 503 where there is nothing to verify an identity with', async () => {
    const response = identityProblem({ ok: false, reason: 'unconfigured' });
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([503, null]);
    // A second, and one more for one of eleven: they shall not all come back together.
    expect(response.headers.get('retry-after')).toMatch(/^[12]$/);
    expect(await response.json()).toMatchObject({ code: 'misconfigured' });
  });

  it('is a 403 that names the scopes where they are missing', async () => {
    const response = identityProblem({ ok: false, reason: 'scope', scopes: ['admin', 'keys:read'] });
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toBe(
      'Bearer realm="api", error="insufficient_scope", scope="admin keys:read"',
    );
    expect(await response.json()).toMatchObject({ code: 'scope-missing' });
  });
});
