import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { Ask } from '../../lib/limit/asking.ts';
import { createChargePool } from '../../lib/limit/charge-pool.ts';
import { createLeases } from '../../lib/limit/leases.ts';
import { createLedger } from '../../lib/limit/ledger.ts';
import { compilePolicy } from '../../lib/limit/policy.ts';
import type { Answer } from '../../lib/limit/result.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

allowNoUnhandledRejection();

const MINUTE = { limit: 50, windowMs: 60_000 } as const;
const leased = { rule: compilePolicy({ name: 'leased', ...MINUTE, maxOverAdmission: 0.5 }).rule, subject: 'x' };
const exact = { rule: compilePolicy({ name: 'exact', ...MINUTE }).rule, subject: 'x' };
const BOTH = [leased, exact];

/** What an account answers: the permits taken, those left, and whether it has no more. */
type Told = readonly [taken: number, left: number, refuses?: boolean];

/** A pool whose questions, about a leased account, another one or both, the test answers. */
function pooled() {
  const clock = manualClock();
  const asked: { names: string; need: number; wants: readonly number[]; answer(...told: readonly Told[]): void }[] = [];
  const ask: Ask = (charges, { need }, { wants = [] } = {}) =>
    new Promise<Answer>((resolve) => {
      asked.push({
        names: charges.map(({ rule }) => rule.name).join(),
        need,
        wants,
        answer(...told) {
          const accounts = told.map(([taken, left, refuses]) => {
            return { taken, left, resetUs: 60_000_000, retryUs: refuses ? 6_000_000 : 0 };
          });
          resolve({ granted: told.some(([taken]) => taken > 0), accounts });
        },
      });
    });
  const kv = createKv({ store: memoryStore({ clock }), clock });
  const leases = createLeases({ clock, maxKeys: 100, refusalTtlMs: 0 });
  const ledger = createLedger({ kv, onUnavailable: 'local', maxLocalKeys: 100, expectedProcesses: 1, leases });
  const pool = createChargePool({ clock, sharesPromises: true, timeoutMs: 1_000, ask, ledger, leases });
  const seen: string[] = [];
  const join = (name: string, { charges = BOTH, cost = 1, signal }: JoinOptions = {}) => {
    pool.join(charges, cost, { signal }).then(
      ({ allowed, basis, policies }) => {
        const left = policies.map(({ remaining }) => remaining).join('/');
        seen.push(`${name} ${allowed ? 'granted' : 'refused'} (${basis}) ${left}`);
      },
      (error: unknown) => seen.push(`${name} ! ${String(error)}`),
    );
  };
  const answer = async (index: number, ...told: readonly Told[]) => {
    const question = asked.at(index);
    if (!question) throw new Error(`question ${index} was not asked`);
    question.answer(...told);
    await clock.run(0);
  };
  return { clock, pool, leases, asked, seen, join, answer };
}

interface JoinOptions {
  readonly charges?: typeof BOTH;
  readonly cost?: number;
  readonly signal?: AbortSignal;
}

describe('checks of a leased account and another one together', () => {
  it('wait for the one question that is out, for as long as it may still come back', async () => {
    const { clock, asked, seen, join, answer } = pooled();
    join('a');
    await clock.run(999);
    join('b');
    await clock.run(0);
    expect(asked.map(({ names, need }) => [names, need])).toEqual([['leased,exact', 1]]);
    await answer(0, [1, 49], [1, 49]);
    expect(asked).toHaveLength(2);
    await answer(1, [1, 48], [1, 48]);
    expect(seen).toEqual(['a granted (store) 49/49', 'b granted (store) 48/48']);
  });

  it('end within their time though the question never comes back', async () => {
    const { clock, seen, join } = pooled();
    join('a');
    await clock.run(1_000);
    expect(seen).toEqual(['a ! DeadlineError: No answer within 1000 ms']);
  });

  it('say what is left as if they had been asked one after the other, with what is held in advance', async () => {
    const { clock, seen, join, answer } = pooled();
    for (const name of ['a', 'b', 'c', 'd']) join(name, { cost: 2 });
    await clock.run(0);
    await answer(0, [9, 41], [6, 1, true]);
    expect(seen).toEqual([
      'a granted (store) 44/5',
      'b granted (store) 44/3',
      'c granted (store) 44/1',
      'd refused (store) 44/1',
    ]);
  });

  it('ask only for the account of which not enough is held, and take the other permits from there', async () => {
    const { clock, leases, asked, seen, join, answer } = pooled();
    join('first', { charges: [leased] });
    await clock.run(0);
    await answer(0, [3, 47]);
    join('a');
    join('b');
    await clock.run(0);
    expect(asked.slice(1).map(({ names, need }) => [names, need])).toEqual([['exact', 2]]);
    await answer(1, [1, 0, true]);
    expect(leases.held(leased)).toBe(1);
    expect(seen.slice(1).toSorted()).toEqual(['a granted (store) 48/0', 'b refused (store) 48/0']);
  });
});

describe('a check that is refused', () => {
  it.each([1, 2])('is served where just enough has come in for another meanwhile: cost %s', async (cost) => {
    const { clock, asked, seen, join, answer } = pooled();
    join('refused', { charges: [leased], cost });
    await clock.run(0);
    join('other', { charges: [leased], cost: 3 });
    await clock.run(0);
    await answer(1, [3 + cost, 0]);
    await answer(0, [0, 0, true]);
    expect(seen).toEqual([`other granted (store) ${cost}`, 'refused granted (lease) 0']);
    expect(asked).toHaveLength(2);
  });

  it('asks again where what has come in is of the only account that refused, and once', async () => {
    const { clock, asked, seen, join, answer } = pooled();
    join('refused');
    await clock.run(0);
    join('other', { charges: [leased], cost: 3 });
    await clock.run(0);
    await answer(1, [5, 0]);
    await answer(0, [0, 0, true], [0, 9]);
    expect(asked.slice(2).map(({ names }) => names)).toEqual(['exact']);
    await answer(2, [0, 0, true]);
    expect(seen.at(-1)).toBe('refused refused (store) 2/0');
    expect(asked).toHaveLength(3);
  });

  it('asks again only once, so that others who come cannot put it off for ever', async () => {
    const { clock, asked, seen, join, answer } = pooled();
    const second = { rule: { ...leased.rule, name: 'second' }, subject: 'x' };
    join('refused', { charges: [leased, second] });
    join('other', { charges: [leased], cost: 3 });
    await clock.run(0);
    await answer(1, [5, 0]);
    await answer(0, [0, 0, true], [0, 9]);
    join('another', { charges: [second], cost: 3 });
    await clock.run(0);
    expect(asked.slice(2).map(({ names }) => names)).toEqual(['second', 'second']);
    await answer(3, [5, 0]);
    await answer(2, [0, 0, true]);
    expect(seen.at(-1)).toBe('refused refused (store) 2/2');
    expect(asked).toHaveLength(4);
  });

  it('is refused at once where another account refuses too', async () => {
    const { clock, asked, seen, join, answer } = pooled();
    join('refused');
    await clock.run(0);
    join('other', { charges: [leased], cost: 3 });
    await clock.run(0);
    await answer(1, [5, 0]);
    await answer(0, [0, 0, true], [0, 0, true]);
    expect(seen.at(-1)).toBe('refused refused (store) 2/0');
    expect(asked).toHaveLength(2);
  });
});

describe('one who leaves while the question is out', () => {
  it('leaves those who wait behind it in their place', async () => {
    const { clock, asked, seen, join, answer } = pooled();
    const controller = new AbortController();
    join('leaver', { signal: controller.signal });
    await clock.run(0);
    join('next');
    await clock.run(0);
    controller.abort('left');
    await answer(0, [1, 49], [1, 49]);
    expect(asked).toHaveLength(2);
    await answer(1, [1, 48], [1, 48]);
    expect(seen).toEqual(['leaver ! left', 'next granted (store) 48/48']);
  });
});

describe('permits taken with nobody waiting', () => {
  it('are those of the leased accounts only, as many as are wanted', async () => {
    const { pool, leases, asked, answer } = pooled();
    leases.note(BOTH, 8);
    const refill = pool.prefetch(BOTH);
    expect(asked.map(({ names, need, wants }) => ({ names, need, wants }))).toEqual([
      { names: 'leased', need: 0, wants: [4] },
    ]);
    expect(pool.prefetch(BOTH)).toBeUndefined();
    await answer(0, [4, 46]);
    await refill;
    expect([leases.held(leased), pool.size]).toEqual([4, 0]);
  });

  it('are none when there is no answer that can be read', async () => {
    const clock = manualClock();
    const kv = createKv({ store: memoryStore({ clock }), clock });
    const leases = createLeases({ clock, maxKeys: 100, refusalTtlMs: 0 });
    const ledger = createLedger({ kv, onUnavailable: 'local', maxLocalKeys: 100, expectedProcesses: 1, leases });
    const ask: Ask = async () => undefined;
    const pool = createChargePool({ clock, sharesPromises: true, timeoutMs: 1_000, ask, ledger, leases });
    await pool.prefetch([leased]);
    expect([leases.held(leased), pool.size]).toEqual([0, 0]);
  });
});
