import { describe, expect, it } from 'vitest';
import { createMac } from '../../../lib/client/crypto.ts';
import { createKv } from '../../../lib/client/kv-client.ts';
import type { Instrumentation } from '../../../lib/client/telemetry.ts';
import { createMeter } from '../../../lib/guard/metrics/meter.ts';
import { openedSnapshot } from '../../../lib/guard/metrics/opened-snapshot.ts';
import { METRICS_HEADER, sealedSnapshot } from '../../../lib/guard/metrics/sealed-snapshot.ts';
import type { MetricsSnapshot } from '../../../lib/guard/metrics/snapshot.ts';
import { isMetricsSnapshot } from '../../../lib/guard/metrics/snapshot-shape.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { type ManualClock, manualClock } from '../../../lib/testing/manual-clock.ts';
import { AWAY } from '../../support/scripted-client.ts';

const SECRET = 'an identity secret of more than 32 characters';
const mac = createMac(SECRET);

type Told = Instrumentation & Required<Pick<Instrumentation, 'decision' | 'limit' | 'cacheRead' | 'lock' | 'waited'>>;

function counted(clock: ManualClock, tell: (told: Told) => void): MetricsSnapshot {
  const meter = createMeter({ clock, plan: { commandsPerDay: 10_000, maxBytes: 30_000_000 } });
  const kv = createKv({ store: memoryStore(), clock });
  tell(meter.instrument({ storeKind: 'memory', circuitState: () => 'CLOSED' }) as Told);
  return meter.snapshot(kv);
}

const failingStore = () => ({ ...memoryStore(), execute: () => Promise.reject(AWAY) });

/** As much as can be counted, under names that take the most room. */
function crowded(clock: ManualClock, name: (index: number) => string): MetricsSnapshot {
  return counted(clock, (told) => {
    for (let index = 0; index < 1_000; index += 1) {
      const check = { policy: name(index), allowed: index % 3 > 0, limit: 1e9, remaining: 1, retryAfterMs: 123_456 };
      told.limit(check, 'policy', name(index));
      told.transition({
        ...{ from: 'HALF_OPEN', to: 'OPEN', mode: 'METRICS_ONLY', reason: 'unavailable', openForMs: 1_234_567 },
      });
      told.decision({ outcome: 'deny', status: 401, code: `a-code-of-some-length-${index}`, degraded: [] }, 12.345);
      told.waited(index * 1.2345);
    }
  });
}

const opened = (value: string, clock: ManualClock) =>
  openedSnapshot(mac, new Headers({ [METRICS_HEADER]: value }), clock);

const jsonOf = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('a snapshot in a header', () => {
  it('comes out as it went in', async () => {
    const clock = manualClock();
    const snapshot = counted(clock, (told) => {
      told.limit({ policy: 'ip', allowed: false, limit: 5, remaining: 0, retryAfterMs: 10 }, 'local', '192.0.2.*');
      told.transition({ from: 'CLOSED', to: 'OPEN', mode: 'AUTO', reason: 'network', openForMs: 10_000 });
      told.decision({ outcome: 'deny', status: 429, code: 'quota-exceeded', degraded: ['limit'] }, 0.5);
      told.request(3, 'failure', 'network');
      told.cacheRead('miss');
      told.lock('timeout');
      told.waited(12);
    });
    expect(await opened(await sealedSnapshot(mac, snapshot), clock)).toEqual(jsonOf(snapshot));
  });

  it.each(['AUTO', 'FORCED_OPEN', 'DISABLED', 'METRICS_ONLY'] as const)(
    'comes out whatever the circuit has been through: %s',
    async (mode) => {
      const clock = manualClock();
      const meter = createMeter({ clock });
      const breaker = { failureRate: { threshold: 0.9, minimumCalls: 100, windowMs: 10_000 } };
      const kv = createKv({ store: failingStore(), clock, breaker, telemetry: meter });
      const fail = () => kv.command(['GET', 'a']).catch(() => undefined);
      for (let time = 0; time < 2; time += 1) await fail();
      const once = await sealedSnapshot(mac, meter.snapshot(kv));
      for (let time = 0; time < 5; time += 1) await fail();
      if (mode !== 'AUTO') kv.circuit.force(mode);
      await fail();
      const snapshot = meter.snapshot(kv);
      expect(await opened(once, clock)).toBeDefined();
      expect(await opened(await sealedSnapshot(mac, snapshot), clock)).toEqual(jsonOf(snapshot));
      expect(snapshot.transitions.length).toBeGreaterThan(0);
    },
  );

  it.each([
    ['plain names', (index: number) => `policy-${index}`],
    ['names in Unicode', (index: number) => `${'限é'.repeat(30)}${index}`],
    ['names of pairs of surrogates', (index: number) => `${'🌊'.repeat(30)}${index}`],
    ['names that have to be escaped', (index: number) => `${'"\\\n\u0000'.repeat(15)}${index}`],
  ])('has less than 6,000 bytes, all of them ASCII, with a thousand policies of %s', async (_what, name) => {
    const clock = manualClock();
    const snapshot = crowded(clock, name);
    const value = await sealedSnapshot(mac, snapshot);
    expect(value.length).toBeLessThan(6_000);
    expect(value).toMatch(/^[ -~]+$/);
    const read = await opened(value, clock);
    expect(read).toBeDefined();
    const sum = (policies: MetricsSnapshot['policies'] = {}) =>
      Object.values(policies).reduce((all, { allowed, limited }) => all + allowed + limited, 0);
    expect(sum(read?.policies)).toBe(1_000);
    const named = Object.keys(read?.policies ?? {}).filter((one) => one !== '_other');
    expect(named).toEqual(Object.keys(snapshot.policies).slice(0, named.length));
    expect(named.length).toBeGreaterThan(2);
  });

  it('names the same policies however large their counts become', async () => {
    const clock = manualClock();
    const small = crowded(clock, (index) => `policy-${index}`);
    const policies = Object.fromEntries(
      Object.keys(small.policies).map((name) => [name, { allowed: 123_456_789_012, limited: 123_456_789_012 }]),
    );
    const namesIn = async (snapshot: MetricsSnapshot) =>
      Object.keys((await opened(await sealedSnapshot(mac, snapshot), clock))?.policies ?? {});
    expect(await namesIn({ ...small, policies })).toEqual(await namesIn(small));
  });

  it('is nothing once it has been altered, in any one place', async () => {
    const clock = manualClock();
    const value = await sealedSnapshot(
      mac,
      counted(clock, () => undefined),
    );
    for (let index = 0; index < value.length; index += 1) {
      const altered = `${value.slice(0, index)}${value[index] === '1' ? '2' : '1'}${value.slice(index + 1)}`;
      expect(await opened(altered, clock)).toBeUndefined();
    }
  });

  it.each(['', '.', '{}', 'null', `${'x'.repeat(43)}.{}`, 'x'.repeat(100_000), '[]', `${'é'.repeat(43)}.{}`])(
    'is nothing where a client has written it: %j',
    async (value) => {
      expect(await opened(value, manualClock())).toBeUndefined();
    },
  );

  it('is nothing under another secret, nor one of an identity under the same', async () => {
    const clock = manualClock();
    const snapshot = counted(clock, () => undefined);
    const other = createMac('another secret of more than 32 characters');
    expect(await opened(await sealedSnapshot(other, snapshot), clock)).toBeUndefined();
    const text = JSON.stringify(snapshot);
    expect(await opened(`${await mac(text)}.${text}`, clock)).toBeUndefined();
  });

  it('is good for a minute', async () => {
    const clock = manualClock();
    const value = await sealedSnapshot(
      mac,
      counted(clock, () => undefined),
    );
    clock.advance(59_999);
    expect(await opened(value, clock)).toBeDefined();
    clock.advance(1);
    expect(await opened(value, clock)).toBeUndefined();
    clock.jumpWall(-120_000);
    expect(await opened(value, clock)).toBeUndefined();
  });
});

describe('the shape of a snapshot', () => {
  const whole = jsonOf(crowded(manualClock(), (index) => `policy-${index}`)) as MetricsSnapshot;

  it('is that of one that was counted', () => {
    expect(isMetricsSnapshot(whole)).toBe(true);
  });

  it('lacks no field', () => {
    for (const field of Object.keys(whole)) {
      const { [field as keyof MetricsSnapshot]: _, ...rest } = whole;
      expect(isMetricsSnapshot(rest), field).toBe(false);
    }
  });

  it.each<[string, object]>([
    ['a field that nobody knows', { more: 1 }],
    ['a count that is negative', { openMs: -1 }],
    ['a count that is no number', { openMs: '1' }],
    ['a label that is too long', { id: 'x'.repeat(65) }],
    ['a state that there is not', { circuit: { ...whole.circuit, state: 'ajar' } }],
    ['too many changes', { transitions: Array.from({ length: 65 }, () => whole.transitions[0]) }],
    ['a place too few', { decisionDuration: { ...whole.decisionDuration, counts: [1] } }],
    ['bounds that fall', { decisionDuration: { boundsMs: [2, 1], counts: [1, 1, 1], sumMs: 1 } }],
    ['a list for a record', { policies: [] }],
    ['an account of another form', { busiest: [{ label: 'a' }] }],
  ])('has not %s', (_what, wrong) => {
    expect(isMetricsSnapshot({ ...whole, ...wrong })).toBe(false);
  });
});
