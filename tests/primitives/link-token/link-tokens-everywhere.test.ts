import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../lib/client/crypto.ts';
import { createKv } from '../../../lib/client/kv-client.ts';
import { StoreError } from '../../../lib/errors.ts';
import { createLinkTokens } from '../../../lib/primitives/link-token/link-tokens.ts';
import type { LinkTokens } from '../../../lib/primitives/link-token/link-tokens-options.ts';
import { entityName } from '../../../lib/primitives/names.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { eventually } from '../../support/eventually.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { heldStore } from '../../support/held-store.ts';
import { AWAY, scriptedClient } from '../../support/scripted-client.ts';

const OPTIONS = { purpose: 'confirm', ttlMs: 60_000 };
const TOKEN = 'x'.repeat(32);

async function issued(links: LinkTokens<unknown>): Promise<string> {
  const answer = await links.issue({ userId: '7' });
  if (answer.status !== 'issued') throw new Error(`No token was issued: ${answer.status}`);
  return answer.token;
}

onEveryKv('link tokens', (makeKv) => {
  it('are redeemed by one of fifty who try at once, with several clients too', async () => {
    const clients = [makeKv(), makeKv({ coalesce: false }), makeKv({ coalesce: 'request' })];
    const links = clients.map((kv) => createLinkTokens({ kv, ...OPTIONS }));
    const token = await issued(createLinkTokens({ kv: makeKv(), ...OPTIONS }));
    const tries = Array.from({ length: 50 }, (_, index) => links[index % 3]?.redeem(token));
    const told = (await Promise.all(tries)).toSorted((one, other) =>
      String(other?.status).localeCompare(String(one?.status)),
    );
    expect(told).toEqual([
      { status: 'redeemed', payload: { userId: '7' } },
      ...Array.from({ length: 49 }, () => ({ status: 'invalid' })),
    ]);
  });

  it('end by themselves', async () => {
    const kv = makeKv({ namespace: 'app:' });
    const links = createLinkTokens({ kv, ...OPTIONS });
    const token = await issued(links);
    expect(await links.exists(token)).toEqual({ status: 'exists' });
    const leftMs = await kv.command(['PTTL', await entityName(kv, 'link:', 'confirm', await sha256(token))]);
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(60_000);
    expect(await links.redeem(token)).toMatchObject({ status: 'redeemed' });
    expect(await links.exists(token)).toEqual({ status: 'invalid' });
  });
});

const CALLS: readonly (readonly [string, (links: LinkTokens<unknown>) => Promise<unknown>, boolean])[] = [
  ['issue', (links) => links.issue(1), true],
  ['redeem', (links) => links.redeem(TOKEN), true],
  ['exists', (links) => links.exists(TOKEN), false],
];

describe.each(CALLS)('%s, while Redis is away,', (_, call, isWrite) => {
  it('is unavailable, and has not run where Redis was not reached', async () => {
    const { kv, store } = scriptedClient();
    store.respond(() => AWAY);
    const answer = await call(createLinkTokens({ kv, ...OPTIONS }));
    expect(answer).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false });
  });

  it('is unavailable at the deadline, and is not sent again if it changes something', async () => {
    const { kv, store, clock } = scriptedClient(isWrite ? { retry: { reads: true } } : {});
    const answer = call(createLinkTokens({ kv, ...OPTIONS }));
    await eventually(() => store.sent.length === 1);
    await clock.run(1_000);
    expect(await answer).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: isWrite });
    expect(store.sent.length).toBe(1);
  });

  it('is unavailable while the circuit is open, at once, and says for how long', async () => {
    const { kv, store, clock, trip } = scriptedClient({ breaker: { timeout: 5_000 } });
    await trip();
    clock.advance(1_000);
    const sent = store.sent.length;
    const answer = await call(createLinkTokens({ kv, ...OPTIONS }));
    expect(answer).toEqual({ status: 'unavailable', retryAfterMs: 4_000, mayHaveRun: false });
    expect(store.sent.length).toBe(sent);
  });
});

it('a redemption whose answer is lost may have used the token up', async () => {
  const store = heldStore(memoryStore());
  const links = createLinkTokens({ kv: createKv({ store }), ...OPTIONS });
  const token = await issued(links);
  store.hold();
  const answer = links.redeem(token);
  await eventually(() => store.held === 1);
  store.lose(new StoreError('network', 'reset'));
  store.deliver();
  expect(await answer).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: true });
  expect(await links.redeem(token)).toEqual({ status: 'invalid' });
});
