import { describe, expect, it } from 'vitest';
import { pointOf } from '../../../../app/_console/model/point.ts';
import { BOUNDS_MS, look, openedAt, STARTED_AT } from '../../../support/looks.ts';

const AT = STARTED_AT + 60_000;
const durations = (bucket: number, count: number) => ({
  boundsMs: BOUNDS_MS,
  counts: [...BOUNDS_MS, 0].map((_, at) => (at === bucket ? count : 0)),
  sumMs: 0,
});

describe('rates', () => {
  it('are differences of counters over the time between two looks', () => {
    const before = look(AT, { decisions: { allowed: 100, limited: 10, refused: 1 } });
    const now = look(AT + 2_000, { decisions: { allowed: 120, limited: 14, refused: 2 } });
    expect(pointOf(now, [before]).rates).toEqual({ allowed: 10, degraded: 0, limited: 2, refused: 0.5 });
  });

  it('count each request once: what was allowed without Redis is degraded, and no longer among the allowed', () => {
    const before = look(AT);
    const now = look(AT + 1_000, { decisions: { allowed: 30, limited: 10, refused: 2, degraded: 40 } });
    expect(pointOf(now, [before]).rates).toEqual({ allowed: 0, degraded: 30, limited: 10, refused: 2 });
  });

  it('share the degraded between allowed and limited in the second in which an outage begins', () => {
    const now = look(AT + 1_000, { decisions: { allowed: 30, limited: 10, degraded: 20 } });
    expect(pointOf(now, [look(AT)]).rates).toEqual({ allowed: 15, degraded: 15, limited: 10, refused: 0 });
  });

  it('are unknown with the first look, and after the process has begun again', () => {
    const first = look(AT, { decisions: { allowed: 100 } });
    expect(pointOf(first, []).rates).toBeNull();
    const again = look(AT + 1_000, { startedAt: AT + 500, decisions: { allowed: 100 } });
    expect(pointOf(again, [first]).rates).toBeNull();
    const less = look(AT + 1_000, { decisions: { allowed: 99 } });
    expect(pointOf(less, [first]).rates).toBeNull();
    const same = look(AT + 1_000, { decisions: { allowed: 100 } });
    expect(pointOf(same, [first]).rates).toEqual({ allowed: 0, degraded: 0, limited: 0, refused: 0 });
  });

  it('are those of the middleware where there is one', () => {
    const withFront = (at: number, allowed: number) => ({
      ...look(at, { decisions: { allowed: 7 } }),
      middleware: look(at, { decisions: { allowed } }).handler,
    });
    expect(pointOf(withFront(AT + 1_000, 5), [withFront(AT, 0)]).rates?.allowed).toBe(5);
  });

  it('are unknown where looks are further apart than ten seconds, as those on both sides of a sleep', () => {
    const later = (at: number) => look(at, { decisions: { allowed: 600 } });
    expect(pointOf(later(AT + 10_000), [look(AT)])).toMatchObject({ rates: { allowed: 60 }, saved: 600 });
    expect(pointOf(later(AT + 10_001), [look(AT)])).toMatchObject({ rates: null, saved: 0 });
  });

  it('are unknown while the middleware cannot be asked, and no peak once it can', () => {
    const { handler: middleware } = look(AT, { decisions: { allowed: 10 } });
    const known = { ...look(AT), middleware };
    const unheard = { ...look(AT + 1_000), middleware };
    expect(pointOf(unheard, [known]).rates).toBeNull();
    const heard = { ...look(AT + 2_000), middleware: look(AT + 2_000, { decisions: { allowed: 30 } }).handler };
    expect(pointOf(heard, [known, unheard]).rates?.allowed).toBe(10);
  });

  it('are unknown between looks that are all but one', () => {
    expect(pointOf(look(AT + 49), [look(AT)]).rates).toBeNull();
    expect(pointOf(look(AT + 50), [look(AT)]).rates).not.toBeNull();
  });
});

describe('latency', () => {
  it('is that of the last five seconds', () => {
    const old = look(AT, { decisionDuration: durations(8, 1_000), decisions: { allowed: 1_000 } });
    const since = durations(2, 10);
    const sum = { ...since, counts: since.counts.map((count, at) => count + (at === 8 ? 1_000 : 0)) };
    const now = look(AT + 5_000, { decisionDuration: sum, decisions: { allowed: 1_010 } });
    expect(pointOf(now, [old]).latency?.p99).toBeLessThanOrEqual(1);
    expect(pointOf({ ...now, at: AT + 5_001 }, [old]).latency).toBeNull();
  });

  it('is unknown where nobody asked', () => {
    expect(pointOf(look(AT + 1_000), [look(AT)]).latency).toBeNull();
  });
});

describe('requests to Redis per check', () => {
  it('is 1 where each check asks, and less where permits are taken in advance', () => {
    const now = (success: number) => look(AT + 1_000, { decisions: { allowed: 100 }, requests: { success } });
    expect(pointOf(now(100), [look(AT)])).toMatchObject({ requestsPerCheck: 1, saved: 0 });
    expect(pointOf(now(6), [look(AT)])).toMatchObject({ requestsPerCheck: 0.06, saved: 94 });
  });

  it('counts what was sent and failed, and not what the circuit refused to send', () => {
    const now = look(AT + 1_000, { decisions: { allowed: 10 }, requests: { failure: 3, neutral: 2, refused: 90 } });
    expect(pointOf(now, [look(AT)]).requestsPerCheck).toBe(0.5);
  });

  it('has no share of refusals that ask nobody, and calls none of them saved', () => {
    const byCode = { 'api-key-missing': 40, 'address-denied': 5, 'path-malformed': 3, 'api-key-malformed': 2 };
    const flood = { refused: 60, byCode: { ...byCode, 'api-key-invalid': 10 } };
    const now = look(AT + 1_000, { decisions: flood, requests: { success: 10 } });
    expect(pointOf(now, [look(AT)])).toMatchObject({ requestsPerCheck: 1, saved: 0 });
    const free = look(AT + 1_000, { decisions: { refused: 50, byCode } });
    expect(pointOf(free, [look(AT)])).toMatchObject({ requestsPerCheck: null, saved: 0, rates: { refused: 50 } });
  });

  it('is unknown, and not 0, without a check', () => {
    expect(pointOf(look(AT + 1_000, { requests: { success: 2 } }), [look(AT)]).requestsPerCheck).toBeNull();
  });

  it('saves nothing during an outage, in which nobody is asked', () => {
    const now = look(AT + 1_000, { decisions: { allowed: 100 }, circuit: openedAt(AT) });
    expect(pointOf(now, [look(AT)])).toMatchObject({ requestsPerCheck: 0, saved: 0 });
  });
});
