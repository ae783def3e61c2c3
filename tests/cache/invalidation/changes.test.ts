import { describe, expect, it } from 'vitest';
import { createChanges } from '../../../lib/cache/invalidation/changes.ts';

describe('what was changed from here', () => {
  it('is told from what was asked for before it and after it', () => {
    const changes = createChanges();
    const before = changes.moment();
    changes.changed('k');
    const after = changes.moment();
    expect([changes.isSince('k', before), changes.isSince('k', after)]).toEqual([true, false]);
  });

  it('is each key’s own', () => {
    const changes = createChanges();
    const before = changes.moment();
    changes.changed('k');
    expect(changes.isSince('other', before)).toBe(false);
  });

  it('is remembered by its latest change', () => {
    const changes = createChanges();
    changes.changed('k');
    const between = changes.moment();
    changes.changed('other');
    expect(changes.isSince('k', between)).toBe(false);
    changes.changed('k');
    expect(changes.isSince('k', between)).toBe(true);
  });

  it('is remembered of 10,000 keys; of others it may be, up to the latest that was forgotten', () => {
    const changes = createChanges();
    const start = changes.moment();
    changes.changed('first');
    const afterFirst = changes.moment();
    for (let index = 1; index < 10_000; index += 1) changes.changed(`k${index}`);
    expect(changes.isSince('unknown', start)).toBe(false);
    changes.changed('one more');
    // `first` is forgotten now: anything unknown may have been changed as late as that, and no later.
    expect([changes.isSince('first', start), changes.isSince('unknown', start)]).toEqual([true, true]);
    expect([changes.isSince('first', afterFirst), changes.isSince('unknown', afterFirst)]).toEqual([false, false]);
    expect(changes.isSince('k1', afterFirst)).toBe(true);
  });

  it('forgets nothing for the sake of a key that it knows', () => {
    const changes = createChanges();
    const start = changes.moment();
    for (let index = 0; index < 10_000; index += 1) changes.changed(`k${index}`);
    changes.changed('k5000');
    expect(changes.isSince('unknown', start)).toBe(false);
  });
});
