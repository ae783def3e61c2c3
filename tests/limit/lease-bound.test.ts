import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BOUND, EXACT_CHARGES, LIVES, REFUSALS } from '../support/lease-properties.ts';
import { besideExact, conspiracies, play, scarcity, scenarios } from '../support/lease-scenario.ts';

describe('leased permits of many processes', () => {
  it('never admit more in any interval than burst + r · (w + τ), and are never refused falsely', async () => {
    let admitted = 0;
    let onTheEdge = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(scenarios, conspiracies, scarcity), async (scenario) => {
        const outcome = await play(scenario);
        for (const claim of [BOUND, LIVES, REFUSALS]) claim(outcome);
        for (const admissions of outcome.world.admissions.values()) admitted += admissions.length;
        for (const excess of outcome.excess.values()) if (excess > -1) onTheEdge += 1;
      }),
      { numRuns: 1_000 },
    );
    // Else it would be a test of nothing: admissions came, and some accounts to within a permit of the bound.
    expect(admitted).toBeGreaterThan(10_000);
    expect(onTheEdge).toBeGreaterThan(20);
  }, 120_000);

  it('charge an exact account beside them with what is admitted, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(besideExact, async (scenario) => EXACT_CHARGES(await play(scenario))),
      { numRuns: 100 },
    );
  });
});
