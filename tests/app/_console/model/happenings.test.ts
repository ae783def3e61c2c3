import { describe, expect, it } from 'vitest';
import type { ConsoleSnapshot } from '../../../../api/_console/snapshot.ts';
import { happeningsBetween } from '../../../../app/_console/model/happenings.ts';
import { account, HEALED, look, metrics, OPENED, PROBED, STARTED_AT } from '../../../support/looks.ts';

const AT = STARTED_AT + 10_000;
const texts = (before: ConsoleSnapshot | null, now: ConsoleSnapshot) =>
  happeningsBetween(before, now).map(({ text }) => text);
const demo = (outage: 'ok' | 'refuse') => ({ outage, keys: [] });

describe('what has happened', () => {
  it('tells of an outage from its beginning to its end, each change once', () => {
    const opened = { ...OPENED, at: AT };
    const probed = { ...PROBED, at: AT + 500 };
    const healed = { ...HEALED, at: AT + 500 };
    const first = look(AT, { transitions: [opened] });
    const second = look(AT + 1_000, { transitions: [opened, probed] });
    const third = look(AT + 2_000, { transitions: [opened, probed, healed] });
    expect(texts(look(AT - 1_000), first)).toEqual([
      'The circuit opened: no answer within the deadline. Redis is left alone for 10 s, and limits are counted locally.',
    ]);
    expect(texts(first, second)).toEqual(['A first request is on its way to Redis again, as a probe.']);
    expect(texts(second, third)).toEqual(['The circuit closed: Redis is answering again.']);
    expect(texts(third, { ...third, at: AT + 3_000 })).toEqual([]);
  });

  it('tells of a probe that failed', () => {
    const failed = { ...OPENED, from: 'HALF_OPEN' as const, reason: 'network' as const, at: AT };
    expect(texts(look(AT), look(AT + 1, { transitions: [failed] }))).toEqual([
      'The probe failed: the connection failed. Redis is left alone for 10 s more.',
    ]);
  });

  it('tells of somebody who forced the circuit', () => {
    const forced = { ...OPENED, mode: 'FORCED_OPEN' as const, reason: 'manual' as const, openForMs: null, at: AT };
    expect(texts(look(AT), look(AT + 1, { transitions: [forced] }))).toEqual([
      'Somebody forced the circuit open: Redis is not asked until it is released.',
    ]);
  });

  it('says of which runtime it speaks where there are two', () => {
    const opened = metrics({ transitions: [{ ...OPENED, at: AT }] });
    const now = { ...look(AT), middleware: metrics(), handler: opened };
    expect(texts({ ...look(AT - 1_000), middleware: metrics() }, now)[0]).toMatch(
      /^In the handlers: The circuit opened/,
    );
  });

  it('tells what the demo does to Redis, and not what it did before anybody looked', () => {
    expect(texts(look(AT, {}, demo('ok')), look(AT + 1, {}, demo('refuse')))).toEqual([
      'Redis refuses connections from now on.',
    ]);
    const transitions = [{ ...OPENED, at: AT + 1 }];
    expect(texts(look(AT, {}, demo('ok')), look(AT + 2, { transitions }, demo('refuse')))).toEqual([
      'Redis refuses connections from now on.',
      expect.stringMatching(/^The circuit opened/),
    ]);
    expect(texts(null, look(AT, {}, demo('refuse')))).toEqual([]);
  });

  it('tells who has come to the end of a limit, once', () => {
    const limited = account('key_a', { used: 60, retryAfterMs: 42_000, at: AT + 900 });
    const now = look(AT + 1_000, { busiest: [limited] });
    expect(texts(look(AT, { busiest: [account('key_a')] }), now)).toEqual([
      'key_a has used its 60 of policy “key”: 429 for 42 s.',
    ]);
    expect(texts(now, { ...now, at: AT + 2_000 })).toEqual([]);
  });

  it('names three of many who come to it at once', () => {
    const many = Array.from({ length: 9 }, (_, at) => account(`key_${at}`, { retryAfterMs: 1_000 }));
    expect(texts(look(AT), look(AT + 1_000, { busiest: many }))).toHaveLength(3);
  });

  it('tells that a process began again, and of its own changes from then on', () => {
    const before = look(AT, { transitions: [{ ...OPENED, at: AT }] });
    const now = look(AT + 2_000, { startedAt: AT + 1_000, transitions: [{ ...OPENED, at: AT + 1_500 }] });
    expect(texts(before, now)).toEqual([
      'The process began again, and counts from 0.',
      expect.stringMatching(/^The circuit opened/),
    ]);
  });
});
