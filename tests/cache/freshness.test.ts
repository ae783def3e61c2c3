import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EntryHead, NEGATIVE } from '../../lib/cache/entry.ts';
import { type FreshnessRule, freshnessOf } from '../../lib/cache/freshness.ts';

const HEAD: EntryHead = {
  marks: 'j',
  id: 'i',
  createdAt: 1_000,
  freshUntil: 2_000,
  costMs: 100,
  generation: 'g',
  tags: [],
};
/** The largest head start there is. */
const almostOne = 1 - 2 ** -53;
const rule = (own: Partial<FreshnessRule> = {}): FreshnessRule => ({
  swrMs: 300,
  staleIfErrorMs: 700,
  earlyRefresh: 1,
  random: () => 0,
  ...own,
});

describe('how fresh an entry is', () => {
  it.each([
    [1_000, 'fresh'],
    [1_999, 'fresh'],
    [2_000, 'revalidating'],
    [2_299, 'revalidating'],
    [2_300, 'failing'],
    [2_699, 'failing'],
    [2_700, 'over'],
  ])('at %i is %s', (now, freshness) => {
    expect(freshnessOf(HEAD, now, rule())).toBe(freshness);
  });

  it('ends with its own time where nothing stale is wanted', () => {
    const strict = rule({ swrMs: 0, staleIfErrorMs: 0 });
    expect([1_999, 2_000].map((now) => freshnessOf(HEAD, now, strict))).toEqual(['fresh', 'over']);
  });

  it('never is failing where it may be served anyway', () => {
    const longer = rule({ swrMs: 700, staleIfErrorMs: 300 });
    expect([2_699, 2_700].map((now) => freshnessOf(HEAD, now, longer))).toEqual(['revalidating', 'over']);
  });

  it('ends with its own time where there is no such thing: that is not believed for longer', () => {
    const negative = { ...HEAD, marks: NEGATIVE };
    expect([1_999, 2_000].map((now) => freshnessOf(negative, now, rule()))).toEqual(['fresh', 'over']);
  });

  it('is fresh for who has a clock behind that of the writer', () => {
    expect(freshnessOf(HEAD, 0, rule({ random: () => almostOne }))).toBe('fresh');
  });
});

describe('early refresh', () => {
  it('has a head start of cost times beta times the logarithm of chance', () => {
    // Chance 1 - 1/e: one cost exactly.
    const random = () => 1 - Math.exp(-1);
    expect([1_899, 1_901].map((now) => freshnessOf(HEAD, now, rule({ random })))).toEqual(['fresh', 'early']);
    const eager = rule({ random, earlyRefresh: 3 });
    expect([1_699, 1_701].map((now) => freshnessOf(HEAD, now, eager))).toEqual(['fresh', 'early']);
    const slow = { ...HEAD, costMs: 400 };
    expect([1_599, 1_601].map((now) => freshnessOf(slow, now, rule({ random })))).toEqual(['fresh', 'early']);
  });

  it('never comes in the first half of a life, however slow the load and whatever the chance', () => {
    const slow = { ...HEAD, costMs: 1_000_000 };
    const certain = rule({ random: () => almostOne });
    expect([1_499, 1_500].map((now) => freshnessOf(slow, now, certain))).toEqual(['fresh', 'early']);
  });

  it('never comes with the least of chances, with a load that cost nothing, or where it is not wanted', () => {
    expect(freshnessOf(HEAD, 1_999, rule({ random: () => 0 }))).toBe('fresh');
    const certain = () => almostOne;
    expect(freshnessOf({ ...HEAD, costMs: 0 }, 1_999, rule({ random: certain }))).toBe('fresh');
    expect(freshnessOf(HEAD, 1_999, rule({ random: certain, earlyRefresh: 0 }))).toBe('fresh');
  });

  it('grows likelier towards the end: e to the power of minus what is left, in costs', () => {
    const draws = 2_000;
    for (const leftMs of [1, 50, 100, 200, 400]) {
      let early = 0;
      for (let index = 0; index < draws; index += 1) {
        const random = () => (index + 0.5) / draws;
        if (freshnessOf(HEAD, HEAD.freshUntil - leftMs, rule({ random })) === 'early') early += 1;
      }
      expect(early / draws).toBeCloseTo(Math.exp(-leftMs / HEAD.costMs), 2);
    }
  });

  it('makes nothing of an entry that has ended', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2_000, max: 4_000 }),
        fc.double({ min: 0, max: almostOne, noNaN: true }),
        (now, r) => {
          expect(['fresh', 'early']).not.toContain(freshnessOf(HEAD, now, rule({ random: () => r })));
        },
      ),
    );
  });
});
