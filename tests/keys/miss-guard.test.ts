import { describe, expect, it } from 'vitest';
import { createMissGuard, type MissSettings } from '../../lib/keys/miss-guard.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const ADMITTED = { verdict: 'admitted' };
const locked = (retryAfterMs: number) => ({ verdict: 'locked', retryAfterMs });
const busy = (retryAfterMs: number) => ({ verdict: 'busy', retryAfterMs });

function guard(settings: MissSettings) {
  const clock = manualClock();
  const misses = createMissGuard(clock, settings);
  const admit = (count: number, client?: string) => Array.from({ length: count }, () => misses.admit(client)).at(-1);
  return { clock, misses, admit };
}

describe('misses counted in this process', () => {
  it('are forgotten windowMs after the last of them, and a lockout after as long again', () => {
    const { clock, admit } = guard({ perClient: { limit: 2, windowMs: 1_000, lockoutMs: 3_000 } });
    for (const passedMs of [1_000, 1_000]) {
      expect(admit(1, 'a')).toEqual(ADMITTED);
      clock.advance(passedMs);
    }
    expect(admit(1, 'a')).toEqual(ADMITTED);
    clock.advance(999);
    expect(admit(1, 'a')).toEqual(ADMITTED);
    expect(admit(1, 'a')).toEqual(locked(3_000));
    clock.advance(6_000);
    expect(admit(1, 'a')).toEqual(ADMITTED);
    expect(admit(1, 'a')).toEqual(ADMITTED);
    expect(admit(1, 'a')).toEqual(locked(3_000));
    clock.advance(5_999);
    expect(admit(1, 'a')).toEqual(ADMITTED);
    expect(admit(1, 'a')).toEqual(locked(6_000));
  });

  it('lock nobody out for longer than the longest when the clock is set back', () => {
    const { clock, admit } = guard({ perClient: { limit: 1, lockoutMs: 1_000, maxLockoutMs: 5_000 } });
    admit(1, 'a');
    clock.jumpWall(-3_600_000);
    expect(admit(1, 'a')).toEqual(locked(5_000));
  });

  it('are those of a client: who is none is locked out by nobody, nor where that is turned off', () => {
    const { admit } = guard({ perClient: { limit: 3 } });
    expect(admit(100)).toEqual(ADMITTED);
    expect(admit(3, 'a')).toEqual(ADMITTED);
    expect(admit(1, 'b')).toEqual(ADMITTED);
    expect(admit(1, 'a')).toEqual(locked(1_000));
    const open = guard({ perClient: false });
    expect(open.admit(300, 'a')).toEqual(ADMITTED);
    expect(open.misses.clientRule).toBe('');
    expect(open.admit(1, 'a')).toEqual(busy(10_000));
  });

  it('are taken back one by one, with the lockout that they led to', () => {
    const { misses, admit } = guard({ perClient: { limit: 3 }, budget: { limit: 5, windowMs: 1_000 } });
    admit(3, 'a');
    expect(admit(1, 'a')).toEqual(locked(1_000));
    misses.forgive('a');
    expect(admit(1, 'a')).toEqual(ADMITTED);
    expect(admit(1, 'a')).toEqual(locked(1_000));
    for (const client of ['a', 'a', 'b', undefined]) misses.forgive(client);
    // No more is taken back than was counted.
    misses.forgive(undefined);
    expect(admit(2, 'a')).toEqual(ADMITTED);
    expect(admit(1, 'a')).toEqual(locked(1_000));
    expect(admit(3)).toEqual(ADMITTED);
    expect(admit(1)).toEqual(busy(1_000));
  });
});

describe('the budget of looks of this process', () => {
  it('is for windowMs from the first of them', () => {
    const { clock, admit } = guard({ budget: { limit: 2, windowMs: 1_000 } });
    for (let turn = 0; turn < 2; turn += 1) {
      admit(1);
      clock.advance(900);
      expect(admit(1)).toEqual(ADMITTED);
      expect(admit(1)).toEqual(busy(100));
      clock.advance(99);
      expect(admit(1)).toEqual(busy(1));
      clock.advance(1);
    }
    expect(admit(2)).toEqual(ADMITTED);
  });

  it('is without an end where it is turned off', () => {
    const { misses, admit } = guard({ budget: false });
    expect(admit(100_000)).toEqual(ADMITTED);
    expect(misses.budgetRule).toBe('');
  });
});

describe('the numbers of misses', () => {
  it('are, as Redis takes them, those that the documentation tells', () => {
    const { clientRule, budgetRule } = guard({}).misses;
    expect([clientRule, budgetRule]).toEqual(['20:60000:1000:900000', '300:10000']);
  });

  const perClient = (name: string) => ['misses.perClient', name, (value: number) => ({ perClient: { [name]: value } })];
  const budget = (name: string) => [
    ...['misses.budget', name],
    (value: number) => ({ budget: { limit: 1, windowMs: 1, [name]: value } }),
  ];

  it.each([
    ...['limit', 'windowMs', 'lockoutMs', 'maxLockoutMs'].map(perClient),
    ...['limit', 'windowMs'].map(budget),
  ] as [string, string, (value: number) => MissSettings][])(
    'are whole and of a day at most: %s.%s',
    (option, name, settings) => {
      const setting = `${option}.${name}`;
      const message = `${setting} must be a whole number from 1 to 86400000`;
      for (const good of [1, 86_400_000]) expect(() => guard(settings(good))).not.toThrow();
      for (const bad of [0, 1.5, 86_400_001, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => guard(settings(bad))).toThrow(expect.objectContaining({ code: 'CONFIG', setting, message }));
      }
    },
  );
});
