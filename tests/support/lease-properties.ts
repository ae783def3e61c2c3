import fc from 'fast-check';
import { expect } from 'vitest';
import { uncovered } from './lease-lives.ts';
import { type Outcome, play, type Scenario } from './lease-scenario.ts';
import type { ScriptEdit } from './lease-world.ts';

/** Something that has to hold of every run. */
export type Claim = (outcome: Outcome) => void;

/** In no interval more than burst + r · (w + τ). Room for the rounding of doubles; a permit is a whole 1. */
export const BOUND: Claim = ({ excess }) => {
  for (const [account, permits] of excess) expect(permits, account).toBeLessThanOrEqual(1e-9);
};

/** What is spent without a request was granted, has arrived and is not older than τ: the lemma that the bound rests on. */
export const LIVES: Claim = ({ world }) => {
  for (const [account, life] of world.lives) expect(uncovered(life), account).toBe(0);
};

/** A refusal without a request is what the store would have said. */
export const REFUSALS: Claim = ({ world }) => {
  expect(world.falseRefusals).toEqual([]);
};

/** An account that is not leased is charged what is admitted. Not so where callers leave or replies are lost. */
export const EXACT_CHARGES: Claim = ({ world }) => {
  for (const [account, { leaseMs, grants }] of world.lives) {
    if (leaseMs > 0) continue;
    expect(
      grants.map(({ permits }) => permits).filter((unspent) => unspent > 0),
      account,
    ).toEqual([]);
  }
};

/** What came of that many runs; stops at the first that contradicts a claim. */
export async function firstFailure(
  runs: number,
  scenarios: fc.Arbitrary<Scenario>,
  claim: Claim,
  planted?: ScriptEdit,
): Promise<unknown> {
  const property = fc.asyncProperty(scenarios, async (scenario) => claim(await play(scenario, planted)));
  const { errorInstance } = await fc.check(property, { numRuns: runs, endOnFailure: true });
  return errorInstance ?? undefined;
}
