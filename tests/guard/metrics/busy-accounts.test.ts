import { describe, expect, it } from 'vitest';
import { createBusyAccounts } from '../../../lib/guard/metrics/busy-accounts.ts';

const CHECK = { policy: 'key', allowed: true, limit: 60, remaining: 59, retryAfterMs: undefined };
const NOW = 1_700_000_000_000;

const rig = () => {
  const busy = createBusyAccounts();
  const note = (account: string, times = 1, at = NOW, check: Partial<typeof CHECK> = {}) => {
    for (let time = 0; time < times; time += 1) busy.note({ ...CHECK, ...check }, 'store', account, at);
  };
  const labels = () => busy.list().map(({ label }) => label);
  return { busy, note, labels };
};

describe('the busiest accounts', () => {
  it('come first, ten at most', () => {
    const { note, labels } = rig();
    for (let account = 1; account <= 12; account += 1) note(`key_${account}`, account);
    expect(labels()).toEqual(Array.from({ length: 10 }, (_, index) => `key_${12 - index}`));
  });

  it('are shown as their last check left them', () => {
    const { busy } = rig();
    busy.note(CHECK, 'store', 'key_a', NOW);
    const refused = { ...CHECK, allowed: false, remaining: 0, retryAfterMs: 1_500 };
    busy.note(refused, 'local', 'key_a', NOW + 5);
    const account = { label: 'key_a', policy: 'key', limit: 60, used: 60, basis: 'local', retryAfterMs: 1_500 };
    expect(busy.list()).toEqual([{ ...account, at: NOW + 5, checks: 2 }]);
    busy.note({ ...CHECK, remaining: undefined }, 'policy', 'key_a', NOW + 6);
    expect(busy.list()).toMatchObject([{ used: null, basis: 'policy', retryAfterMs: null, checks: 3 }]);
  });

  it('are one of each policy', () => {
    const { busy, note } = rig();
    note('a');
    note('a', 1, NOW, { policy: 'ip' });
    expect(busy.list().map(({ policy, checks }) => [policy, checks])).toEqual([
      ['key', 1],
      ['ip', 1],
    ]);
  });

  it('are not washed away by a hundred thousand others that come once', () => {
    const { note, busy } = rig();
    for (let stranger = 0; stranger < 100_000; stranger += 1) {
      note(`stranger_${stranger}`);
      if (stranger % 20 === 0) note('regular');
    }
    expect(busy.list()[0]).toMatchObject({ label: 'regular' });
    expect(busy.list()[0]?.checks).toBeGreaterThan(4_900);
  });

  it('come up among others that were busy before, in a flood of strangers', () => {
    const { note, labels } = rig();
    for (let account = 0; account < 64; account += 1) note(`before_${account}`, 50);
    for (let stranger = 0; stranger < 10_000; stranger += 1) {
      note(`stranger_${stranger}`);
      if (stranger % 20 === 0) note('regular');
    }
    expect(labels()[0]).toBe('regular');
  });

  it('are so no more when they have been quiet for minutes', () => {
    const { note, labels } = rig();
    note('yesterday', 1_000);
    note('today', 3, NOW + 3_600_000);
    expect(labels()).toEqual(['today', 'yesterday']);
  });

  it('stay as they are when the clock is set back', () => {
    const { note, labels } = rig();
    note('first', 10);
    note('second', 9, NOW - 86_400_000);
    expect(labels()).toEqual(['first', 'second']);
    note('second', 2, NOW - 86_400_000);
    expect(labels()).toEqual(['second', 'first']);
  });

  it('have labels of at most 64 characters', () => {
    const { note, labels } = rig();
    note('x'.repeat(1_000), 2);
    expect(labels()).toEqual(['x'.repeat(64)]);
  });

  it('are handed out as copies', () => {
    const { note, busy } = rig();
    note('a');
    const before = busy.list();
    note('a');
    expect(before[0]?.checks).toBe(1);
  });
});
