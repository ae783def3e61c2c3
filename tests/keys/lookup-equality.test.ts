import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Command, Reply, Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { realRedis } from '../support/every-store.ts';
import { watchedStore } from '../support/watched-store.ts';

const KEYS = ['apikey:sentinel', 'auth:misses:c', 'auth:budget', 'e1', 'r1', 'e2', 'r2'];
const START_MS = 1_700_000_000_000;

const record = (status: string, generation: number, over: object = {}) =>
  JSON.stringify({ v: 1, status, id: 'k', generation, expiresAt: null, ...over });
const ENDING = [START_MS, START_MS + 1_000].map((expiresAt) => record('active', 1, { expiresAt }));
const LATER = record('active', 1, { v: 2 });

/** The text that the front door sends: the lookup, with a clock that a test can set. */
async function sentScript(): Promise<string> {
  const store = watchedStore(memoryStore());
  const kv = createKv({ store });
  const keys = createApiKeys({ kv });
  const limiter = createLimiter({ kv, policies: [] });
  const guard = createGuard({ kv, keys, limiter, routes: [{ path: '/*' }], clientIp: () => undefined });
  await guard.check(new Request('https://example.test/', { headers: { 'x-api-key': keys.format.generate() } }));
  return String(store.requests.flat().find(([name]) => name === 'EVAL')?.[1]);
}

interface Step {
  readonly afterMs: number;
  readonly mode: 'record' | 'source';
  readonly digests: 1 | 2;
  readonly fill: number;
  readonly text: string;
  readonly client: string;
  readonly budget: string;
  /** How long what is filled in has left. @default 300_000 */
  readonly lateMs?: number | undefined;
  readonly write: readonly [key: string, text: string] | undefined;
}

const step: fc.Arbitrary<Step> = fc.record({
  afterMs: fc.constantFrom(0, 0, 1, 999, 1_000, 1_001, 4_000, 60_000),
  mode: fc.constantFrom('record', 'source'),
  digests: fc.constantFrom(1, 2),
  lateMs: fc.constantFrom(undefined, 3_600_000, 0.5, 0, -1),
  fill: fc.constantFrom(0, 0, 0, 1, -1, 2, -2),
  text: fc.constantFrom(record('active', 1), record('active', 2), record('revoked', 3), 'x', '', LATER),
  client: fc.constantFrom('', '2:3600000:1000:3000', '3:3600000:7:3600000'),
  budget: fc.constantFrom('', '3:3600000', '100:3600000'),
  write: fc.option(
    fc.tuple(
      fc.constantFrom(...KEYS.filter((key) => key !== 'auth:budget')),
      fc.constantFrom(
        record('active', 1),
        record('revoked', 2),
        LATER,
        ...ENDING,
        '1',
        '3:0',
        `9:${START_MS + 5_000}`,
        ':',
        '',
      ),
    ),
    { nil: undefined, freq: 3 },
  ),
});

describe('the lookup of a key', () => {
  const redis = realRedis();
  let lua = '';
  beforeAll(async () => {
    lua = await sentScript();
  });

  async function play(store: Store, steps: readonly Step[]): Promise<readonly Reply[]> {
    await store.execute([['DEL', ...KEYS]]);
    const seen: Reply[] = [];
    let nowMs = START_MS;
    for (const { afterMs, mode, digests, fill, text, client, budget, write, lateMs } of steps) {
      nowMs += afterMs;
      if (write) await store.execute([['SET', ...write, 'PX', 3_600_000]]);
      const place = Math.abs(fill) <= digests ? fill : 0;
      const keys = KEYS.slice(0, 3 + 2 * digests);
      const filling = place === 0 ? [] : [text, place, client, budget, nowMs + (lateMs ?? 300_000)];
      const own = [1, '', ''];
      const lookup = filling.length > 0 ? filling : ['', '', client, budget, ''];
      const args = [nowMs * 1_000, mode, digests, 300_000, ...lookup, ...own];
      const command: Command = ['EVAL', lua, keys.length, ...keys, ...args];
      const [reply, contents] = await store.execute([command, ['MGET', ...KEYS]]);
      const [status, told] = Array.isArray(reply) ? reply : [];
      const wait = status === 'ask' ? String(told).split(':')[0] : told;
      // How long a budget lasts is told in real time.
      seen.push([status ?? null, status === 'busy' ? null : (wait ?? null), contents ?? null]);
    }
    return seen;
  }

  it('is one function in two languages, whatever stands there and whatever is to be filled in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        expect(await play(memoryStore(), steps)).toEqual(await play(redis.store, steps));
      }),
      { numRuns: 300 },
    );
  });

  const asked = (over: Partial<Step> = {}): Step => ({
    ...{ afterMs: 0, mode: 'source', digests: 1, fill: 0, text: record('active', 1), write: undefined },
    ...{ client: '2:60000:1000:4000', budget: '' },
    ...over,
  });
  const statuses = async (steps: readonly Step[]) =>
    (await play(memoryStore({ clock: manualClock() }), steps)).map((reply) =>
      Array.isArray(reply) ? reply.slice(0, 2) : reply,
    );

  it('locks a client out after its misses, for twice as long each time, up to the longest', async () => {
    expect(
      await statuses([
        ...[asked(), asked(), asked()],
        ...[asked({ afterMs: 999 }), asked({ afterMs: 1 }), asked()],
        ...[asked({ afterMs: 2_000 }), asked({ afterMs: 3_999 }), asked({ afterMs: 1 }), asked()],
      ]),
    ).toEqual([
      ...[
        ['ask', '1'],
        ['ask', '1'],
        ['locked', '1000'],
      ],
      ...[
        ['locked', '1'],
        ['ask', '1'],
        ['locked', '2000'],
      ],
      ...[
        ['ask', '1'],
        ['locked', '1'],
        ['ask', '1'],
        ['locked', '4000'],
      ],
    ]);
  });

  it('takes a miss back that was none, and lets the key in whatever its client has tried', async () => {
    expect(
      await statuses([asked(), asked(), asked({ fill: -1 }), asked({ write: ['e1', record('revoked', 1)] })]),
    ).toEqual([
      ['ask', '1'],
      ['ask', '1'],
      ['active', record('active', 1)],
      ['revoked', record('revoked', 1)],
    ]);
    expect(await statuses([asked(), asked(), asked({ fill: -1 }), asked({ digests: 2, write: ['e1', ''] })])).toEqual([
      ['ask', '1'],
      ['ask', '1'],
      ['active', record('active', 1)],
      ['unreadable', ''],
    ]);
  });

  it('looks elsewhere for a key with a mark although its client is locked out and the budget is used up', async () => {
    const busy = { budget: '1:60000', client: '1:60000:1000:1000' };
    expect(await statuses([asked(busy), asked(busy), asked({ ...busy, write: ['r1', '1'] })])).toEqual([
      ['ask', '1'],
      ['locked', '1000'],
      ['ask', '0'],
    ]);
  });

  it('lets neither a locked client use the budget up, nor the budget lock a client out', async () => {
    const rules = { budget: '2:60000', client: '1:3600000:60000:60000' };
    const free = { ...rules, client: '' };
    const replies = await statuses([
      ...[asked(rules), asked(rules), asked(rules), asked(free), asked(free)],
      ...[asked({ ...rules, afterMs: 60_000 }), asked({ ...rules, budget: '' })],
    ]);
    expect(replies.map((reply) => (Array.isArray(reply) ? reply[0] : reply))).toEqual([
      ...['ask', 'locked', 'locked', 'ask', 'busy'],
      ...['busy', 'ask'],
    ]);
  });

  it('says of a key that it does not know whether looking for it is counted at all', async () => {
    const [client, budget] = ['9:60000:1000:4000', '9:60000'];
    const none = { client: '', budget: '' };
    expect(
      await statuses([
        ...[asked({ client, budget }), asked({ ...none, client }), asked({ ...none, budget })],
        ...[asked(none), asked({ ...none, write: ['r1', '1'] })],
      ]),
    ).toEqual(['1', '1', '1', '2', '0'].map((counted) => ['ask', counted]));
  });

  it('counts misses where keys are on record here too, and says so only of keys that are not', async () => {
    const here = { mode: 'record', write: ['apikey:sentinel', '1'] } as const;
    const replies = await statuses([
      ...[asked(here), asked(here), asked(here)],
      asked({ ...here, write: ['r1', record('active', 1)] }),
    ]);
    expect(replies).toEqual([
      ['absent', ''],
      ['absent', ''],
      ['locked', '1000'],
      ['active', record('active', 1)],
    ]);
  });

  it('fills no entry when it comes too late, and then has nothing', async () => {
    const late = asked({ fill: 1, lateMs: 0.9, write: undefined });
    expect(await statuses([late, { ...late, lateMs: 5_000 }])).toEqual([
      ['ask', '0'],
      ['active', record('active', 1)],
    ]);
  });

  it('fills an entry that has a millisecond left', async () => {
    const [one, half] = [asked({ fill: 1, lateMs: 1 }), asked({ fill: 1, lateMs: 0.9 })];
    expect(await statuses([one])).toEqual([['active', record('active', 1)]]);
    expect(await statuses([half])).toEqual([['ask', '0']]);
  });

  it('leaves neither an entry nor a mark where a miss is only taken back', async () => {
    const replies = await play(memoryStore(), [asked({ fill: -1, text: '' })]);
    expect(replies).toEqual([['forgiven', '', KEYS.map(() => null)]]);
  });

  it.each(['source', 'record'] as const)(
    'reads no record of a later version, and none that has ended, in a %s',
    async (mode) => {
      const [ended, ending] = ENDING;
      const write = (text = '') => asked({ mode, write: [mode === 'record' ? 'r1' : 'e1', text] });
      expect(await statuses([write(LATER)])).toEqual([['unreadable', '']]);
      expect(await statuses([write(ended)])).toEqual([['expired', '']]);
      expect(await statuses([write(ending), { ...asked({ mode }), afterMs: 1_000 }])).toEqual([
        ['active', ending],
        ['expired', ''],
      ]);
    },
  );

  it('fills no entry over a tombstone, and says what stands there', async () => {
    const late = asked({ fill: 1, write: ['e1', record('revoked', 2)] });
    expect(await statuses([late])).toEqual([['revoked', record('revoked', 2)]]);
  });
});
