import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeBundle } from '../../bench/node-bundle.mjs';
import type { ProcessDefect } from '../support/lock-process.ts';
import { type TortureOptions, tortureLocks } from '../support/lock-torture.ts';

let program: { readonly path: string; readonly remove: () => Promise<void> } | undefined;

beforeAll(async () => {
  program = await nodeBundle('tests/support/lock-process.ts');
});

afterAll(() => program?.remove());

const PROCESSES = 4;
const CONTENDERS = 40;

const torture = (options: Pick<TortureOptions, 'longShare' | 'defect' | 'isEnough' | 'mostMs'>) => {
  const contendersEach = CONTENDERS / PROCESSES;
  return tortureLocks({ program: program?.path ?? '', processes: PROCESSES, contendersEach, ...options });
};

describe('a lock that 40 contenders in 4 processes race for on a real Redis', () => {
  it('is relied on by one at a time under growing fences, and everybody gets it, through kills, freezes, lost replies and lost keys', async () => {
    const isEnough = ({ visits, contenders }: { visits: number; contenders: number }) =>
      visits >= 1_000 && contenders === CONTENDERS;
    const outcome = await torture({ longShare: 0.02, isEnough, mostMs: 100_000 });
    const { violations, visits, contenders, excused, kills, freezes, cuts, flushes } = outcome;
    console.log(
      `${visits} acquisitions by ${contenders} contenders, ${kills} kills, ${freezes} freezes, ${cuts} cut connections, ` +
        `${flushes} times all keys lost (${excused} times held by two for that)`,
    );
    expect(violations).toEqual([]);
    expect(visits).toBeGreaterThanOrEqual(1_000);
    expect(contenders).toBe(CONTENDERS);
    for (const count of [kills, freezes, cuts, flushes]) expect(count).toBeGreaterThanOrEqual(4);
  });

  it.each<ProcessDefect>(['releases-any', 'fence-without-clock', 'extends-lost', 'slow-clock'])(
    'would be seen to fail with %s',
    async (defect) => {
      const isEnough = ({ violations }: { violations: readonly string[] }) => violations.length > 0;
      const { violations } = await torture({ longShare: 0.2, defect, isEnough, mostMs: 60_000 });
      expect(violations.length).toBeGreaterThan(0);
    },
  );
});
