import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { Decision } from '../../lib/guard/decision.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { decisionHeaders, toResponse } from '../../lib/guard/respond.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import type { Reply, Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

/** A guard whose Redis answers one command after the other with `replies`, over and over. */
function facing(replies: readonly Reply[], maxOverAdmission = 0) {
  let at = 0;
  const next = (): Reply => replies[at++ % replies.length] ?? null;
  const store: Store = { kind: 'redis', execute: async (commands) => commands.map(next), close: async () => undefined };
  const kv = createKv({ store, clock: manualClock() });
  const keys = createApiKeys({ kv });
  const limiter = createLimiter({
    kv,
    policies: ['ip', 'key'].map((name) => ({ name, limit: 5, windowMs: 60_000, maxOverAdmission })),
  });
  const routes = [{ path: '/*', limits: { ip: 'ip', key: 'key' } }] as const;
  const guard = createGuard({ kv, keys, limiter, routes, clientIp: () => '192.0.2.1' });
  const key = keys.format.generate();
  return () => guard.check(new Request('https://example.test/', { headers: { 'x-api-key': key } }));
}

const fieldsOf = (decision: Decision) =>
  decision.outcome === 'deny' ? [...toResponse(decision).headers] : decisionHeaders(decision);

const RECORD = {
  ...{
    v: 1,
    status: 'active',
    id: 'key_0000000000000000',
    owner: 'o',
    scopes: [],
    limits: {},
    config: null,
    kid: 'plain',
  },
  ...{ dailyQuota: 5, generation: 1, createdAt: 1, expiresAt: null, display: '…' },
};
const odd = fc.constantFrom<Reply>(
  null,
  '',
  'x',
  '-1',
  '__proto__',
  '1:1e999',
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  Infinity,
  [],
);
const text = fc.oneof(
  fc
    .constantFrom({}, { dailyQuota: null }, { dailyQuota: -1 }, { dailyQuota: 1e308 }, { expiresAt: 1e308 })
    .map((more) => JSON.stringify({ ...RECORD, ...more })),
  odd,
);
const status = fc.constantFrom<Reply>(
  ...[
    'active',
    'revoked',
    'expired',
    'absent',
    'lost',
    'unreadable',
    'ask',
    'locked',
    'busy',
    'forgiven',
    'x',
    null,
    1,
  ],
);
const charged = fc.oneof(odd, fc.array(fc.oneof(fc.nat(9), odd), { minLength: 9, maxLength: 9 }));
const error = fc
  .constantFrom('ERR x', 'NOSCRIPT x', 'WRONGTYPE x', 'LOADING x', 'A\nB', '')
  .map((said) => ({ error: said }));
const reply: fc.Arbitrary<Reply> = fc.oneof(fc.tuple(status, text, charged, odd), odd, error);

/** Names and numbers of draft-ietf-httpapi-ratelimit-headers-11, as RFC 9651 writes them. */
const RATE = /^("[a-z-]+"(;[a-z]=\d{1,15})+(, )?)*$/;

describe('whatever Redis answers', () => {
  it('there is a decision, and all that is told of it in headers is well-formed', async () => {
    const replies = fc.array(reply, { minLength: 6, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(replies, fc.constantFrom(0, 0.5), async (answers, maxOverAdmission) => {
        const ask = facing(answers, maxOverAdmission);
        for (let turn = 0; turn < 3; turn += 1) {
          for (const [name, value] of fieldsOf(await ask())) {
            if (name.startsWith('ratelimit')) expect(value).toMatch(RATE);
            if (name === 'retry-after') expect(value).toMatch(/^[1-9]\d*$/);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('says nothing of what is left of a day of which Redis says nothing that is a number', async () => {
    const ask = facing([['active', JSON.stringify(RECORD), '', 'x'], null]);
    const fields = Object.fromEntries(fieldsOf(await ask()));
    expect(fields).toMatchObject({ 'ratelimit-policy': '"daily-quota";q=5;w=86400' });
    expect(fields).not.toHaveProperty('ratelimit');
  });

  it('says nothing of a wait beyond all numbers, and counts here instead', async () => {
    const account = [0, 0, 1e308, 1e308];
    const ask = facing([
      ['active', JSON.stringify({ ...RECORD, dailyQuota: null }), [0, ...account, ...account], -1],
      null,
    ]);
    expect(await ask()).toMatchObject({ outcome: 'allow', degraded: ['limit'] });
  });

  it('is no 401 unless it says that there is no such key', async () => {
    const known = new Set<unknown>(['active', 'revoked', 'expired', 'absent']);
    const other = reply.filter((one) => !(Array.isArray(one) && known.has(one[0])));
    await fc.assert(
      fc.asyncProperty(fc.array(other, { minLength: 6, maxLength: 6 }), async (answers) => {
        expect(await facing(answers)()).toMatchObject({ outcome: 'deny' });
        expect(await facing(answers)()).not.toMatchObject({ status: 401 });
      }),
      { numRuns: 300 },
    );
  });
});
