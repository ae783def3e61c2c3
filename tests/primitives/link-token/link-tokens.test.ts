import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { createLinkTokens } from '../../../lib/primitives/link-token/link-tokens.ts';
import type { LinkTokens, LinkTokensOptions } from '../../../lib/primitives/link-token/link-tokens-options.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { watchedStore } from '../../support/watched-store.ts';

function rig(options: Partial<LinkTokensOptions> = {}) {
  const clock = manualClock();
  const store = watchedStore(memoryStore({ clock }));
  const kv = createKv({ store, clock, namespace: 'app:' });
  const links = createLinkTokens<unknown>({ kv, purpose: 'confirm', ttlMs: 60_000, ...options });
  return { clock, store, kv, links };
}

async function issued(links: LinkTokens<unknown>, payload: unknown = 1): Promise<string> {
  const answer = await links.issue(payload);
  if (answer.status !== 'issued') throw new Error(`No token was issued: ${answer.status}`);
  return answer.token;
}

describe('a link token', () => {
  it('is fit for a URL, another one each time, and good once', async () => {
    const { links } = rig();
    const first = await links.issue({ userId: '7' });
    expect(first).toEqual({
      status: 'issued',
      token: expect.stringMatching(/^[0-9A-Za-z]{32}$/),
      expiresInMs: 60_000,
    });
    const token = first.status === 'issued' ? first.token : '';
    expect(await issued(links)).not.toBe(token);
    expect(await links.redeem(token)).toEqual({ status: 'redeemed', payload: { userId: '7' } });
    expect(await links.redeem(token)).toEqual({ status: 'invalid' });
  });

  it.each([[{ a: [1, 'ä', null] }], [[]], ['text'], [''], [0], [false], [null]])('brings back %j', async (payload) => {
    const { links } = rig();
    expect(await links.redeem(await issued(links, payload))).toEqual({ status: 'redeemed', payload });
  });

  it('is good to its end, and not after it', async () => {
    for (const [ageMs, status] of [
      [60_000, 'redeemed'],
      [60_001, 'invalid'],
    ] as const) {
      const { links, clock } = rig();
      const token = await issued(links);
      clock.advance(ageMs);
      expect(await links.exists(token)).toEqual({ status: status === 'redeemed' ? 'exists' : 'invalid' });
      expect(await links.redeem(token)).toMatchObject({ status });
    }
  });

  it('is for its purpose only', async () => {
    const { links, kv } = rig();
    const token = await issued(links);
    const others = createLinkTokens({ kv, purpose: 'reset', ttlMs: 60_000 });
    expect(await others.exists(token)).toEqual({ status: 'invalid' });
    expect(await others.redeem(token)).toEqual({ status: 'invalid' });
    expect(await links.redeem(token)).toMatchObject({ status: 'redeemed' });
  });

  it('may be looked at before it is redeemed, which changes nothing', async () => {
    const { links } = rig();
    const token = await issued(links);
    for (let count = 0; count < 3; count += 1) expect(await links.exists(token)).toEqual({ status: 'exists' });
    expect(await links.redeem(token)).toMatchObject({ status: 'redeemed' });
    expect(await links.exists(token)).toEqual({ status: 'invalid' });
  });

  it('is kept as its digest', async () => {
    const { links, kv } = rig();
    const token = await issued(links, 'payload');
    const [name] = (await kv.command(['KEYS', '*'])) as readonly string[];
    expect(name).toMatch(/^app:link:\{confirm:[\w-]{43}\}$/);
    expect(await kv.command(['GET', name ?? ''])).toBe('"payload"');
    expect(name).not.toContain(token);
  });

  it.each(['', 'x'.repeat(31), 'x'.repeat(33), `${'x'.repeat(31)}-`, `${'x'.repeat(32)}\n`, 'x'.repeat(1_000_000)])(
    'is not what cannot be one, and nobody is asked: %#',
    async (token) => {
      const { links, store } = rig();
      expect(await links.redeem(token)).toEqual({ status: 'invalid' });
      expect(await links.exists(token)).toEqual({ status: 'invalid' });
      expect(await links.redeem([token] as unknown as string)).toEqual({ status: 'invalid' });
      expect(store.requests).toEqual([]);
    },
  );

  it('costs one request to issue, to look at and to redeem', async () => {
    const { links, store } = rig();
    const token = await issued(links);
    await links.exists(token);
    await links.redeem(token);
    await links.redeem(token);
    expect(store.requests.map((commands) => commands.map(([name]) => name))).toEqual([
      ['SET'],
      ['EXISTS'],
      ['GETDEL'],
      ['GETDEL'],
    ]);
  });

  it('whose payload is no JSON any more is invalid', async () => {
    const { links, kv } = rig();
    const token = await issued(links);
    const [name] = (await kv.command(['KEYS', '*'])) as readonly string[];
    await kv.command(['SET', name ?? '', '{damaged']);
    expect(await links.redeem(token)).toEqual({ status: 'invalid' });
  });

  it('whose name holds something else is an error, and is left alone', async () => {
    const { links, kv } = rig();
    const token = await issued(links);
    const [name] = (await kv.command(['KEYS', '*'])) as readonly string[];
    await kv.execute([
      ['DEL', name ?? ''],
      ['RPUSH', name ?? '', 'x'],
    ]);
    await expect(links.redeem(token)).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'WRONGTYPE' });
    expect(await kv.command(['LLEN', name ?? ''])).toBe(1);
  });
});

describe('a payload', () => {
  it('may have so many characters, and no more', async () => {
    for (const [links, most] of [
      [rig().links, 4_096],
      [rig({ maxPayloadLength: 20 }).links, 20],
    ] as const) {
      expect(await links.issue('x'.repeat(most - 2))).toMatchObject({ status: 'issued' });
      await expect(links.issue('x'.repeat(most - 1))).rejects.toThrow(
        `payload must be JSON of at most ${most} characters`,
      );
    }
  });

  const circle: Record<string, unknown> = {};
  circle.hunter2 = circle;
  it.each([[undefined], [() => 1], [1n], [circle]])(
    'that is no JSON is refused, and not quoted: %#',
    async (payload) => {
      const { links, store } = rig();
      await expect(links.issue(payload)).rejects.toThrow(/^payload must be JSON of at most 4096 characters$/);
      expect(store.requests).toEqual([]);
    },
  );
});

describe('the options of link tokens', () => {
  it.each([
    ['purpose', '', 'a b', undefined],
    ['ttlMs', 999, 2_592_000_001],
    ['maxPayloadLength', 1, 65_537],
  ])('of %s refuse %j and %j', (setting, ...wrong) => {
    for (const value of wrong) {
      expect(() => rig({ [setting]: value })).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
    }
  });

  it.each([{ ttlMs: 1_000 }, { ttlMs: 2_592_000_000 }, { maxPayloadLength: 2 }, { maxPayloadLength: 65_536 }])(
    'may be %j',
    (options) => {
      expect(() => rig(options)).not.toThrow();
    },
  );
});
