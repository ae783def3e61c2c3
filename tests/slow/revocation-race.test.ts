import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeBundle } from '../../bench/node-bundle.mjs';
import { turnsRed } from '../support/planted-defects.ts';
import type { RevocationDefect } from '../support/revocation-defects.ts';
import { latest, type Outcome } from '../support/revocation-outcome.ts';
import { type Place, type Race, startRace } from '../support/revocation-race.ts';

/** Short, so that entries and answers end and are asked for again many times while a key is raced for. */
const TIMES = { entryTtlMs: 150, freshMs: 100, delayMs: 20 };
/** Entries outlive the gate: what comes late would be there for long. */
const GATED_TIMES = { ...TIMES, entryTtlMs: 400 };
/** Longer than the attempts at Redis and at the source together: who has made them may still be told what was known. */
const STALE_MS = 1_500;

const MANY = { rounds: 1_000, atOnce: 50, pauseMs: 30, spreadMs: 300, watchMs: 150 };
const SOME = { ...MANY, rounds: 100 };
const GATED = { rounds: 50, atOnce: 25, pauseMs: 20, watchMs: 150 };
const PLACES: readonly (readonly [string, Place])[] = [
  ['in the Redis itself', 'redis'],
  ['in a source', 'source'],
];

let race: Race | undefined;
const cleanUps: (() => unknown)[] = [];

const racing = (): Race => {
  if (!race) throw new Error('The race has not started');
  return race;
};

beforeAll(async () => {
  const program = await nodeBundle('tests/support/revocation-process.ts');
  cleanUps.push(program.remove);
  race = await startRace(program.path);
  cleanUps.push(race.stop);
});

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

/** What is promised: nothing here from the return of `revoke` on, and elsewhere nothing beyond this many milliseconds. */
function expectBound(outcome: Outcome, within: { readonly othersMs: number; readonly askingMs: number }): void {
  const { others, validAfter, slackMs } = outcome;
  expect(validAfter.own).toBe(0);
  expect(latest(others)).toBeLessThanOrEqual(within.othersMs + slackMs);
  // Whoever asks Redis with every request hears of it with the next one.
  expect(others.limited).toBeLessThanOrEqual(within.askingMs + slackMs);
}

/** That there was something to see: keys that everybody had seen valid, and answers on their way. */
function expectRace({ rounds, whole, overlapped }: Outcome): void {
  expect(whole).toBeGreaterThan(rounds / 2);
  expect(overlapped).toBeGreaterThan(0);
}

function report(what: string, outcome: Outcome): void {
  const { rounds, validations, overlapped, others, sinceRecord, slackMs } = outcome;
  const [returned, onRecord] = [others, sinceRecord].map((lateness) => latest(lateness).toFixed(1));
  console.log(
    `${what}: ${rounds} revocations, ${overlapped} across an answer on its way, ${validations} validations; the last valid one ` +
      `elsewhere ${returned} ms after revoke returned, ${onRecord} ms after it was on record (clocks: ±${slackMs.toFixed(3)} ms)`,
  );
}

describe.each(PLACES)('a revocation among processes that validate the key all the time, on record %s', (_, place) => {
  const random = async (rounds: typeof MANY, defect?: RevocationDefect) => {
    const outcome = await racing().random({ ...TIMES, place, defect }, rounds);
    expect(outcome).toMatchObject({ rounds: rounds.rounds, propagated: rounds.rounds });
    expectBound(outcome, { othersMs: TIMES.freshMs, askingMs: 0 });
    return outcome;
  };

  /** Answers that were found before the revocation, and come after it. */
  const gated = async (opens: 'at once' | 'late', defect?: RevocationDefect) => {
    const outcome = await racing().gated({ ...GATED_TIMES, place, defect }, GATED, opens);
    expect(outcome).toMatchObject({ rounds: GATED.rounds, overlapped: GATED.rounds });
    expectBound(outcome, { othersMs: opens === 'late' ? 0 : GATED_TIMES.freshMs, askingMs: 0 });
    return outcome;
  };

  it('ends it at once in its own process, and within freshMs in the others', async () => {
    const outcome = await random(MANY);
    expectRace(outcome);
    report(`on record in the ${place}`, outcome);
  });

  it('is not undone by answers that come as soon as it is made', async () => {
    await gated('at once');
  });

  it('is not undone by answers that come when they are older than freshMs', async () => {
    await gated('late');
  });

  it.each<RevocationDefect>([
    'no-tombstones',
    'slow-clock',
    'revokes-elsewhere',
    ...(place === 'source' ? ['fills-over-tombstones' as const] : []),
  ])('would be seen to fail with %s', async (defect) => {
    await turnsRed(async () => {
      await random(SOME, defect);
    });
  });

  it.each<RevocationDefect>(['no-tombstones', ...(place === 'source' ? ['fills-over-tombstones' as const] : [])])(
    'would be seen to be undone with %s',
    async (defect) => {
      for (const opens of ['at once', 'late'] as const) {
        await turnsRed(async () => {
          await gated(opens, defect);
        });
      }
    },
  );
});

describe('a revocation that Redis does not hear of', () => {
  const boundMs = TIMES.entryTtlMs + TIMES.freshMs;

  const apart = async (watchMs: number, defect?: RevocationDefect) => {
    const outcome = await racing().apart({ ...TIMES, place: 'source', defect }, { ...SOME, watchMs });
    expect(outcome).toMatchObject({ rounds: SOME.rounds, propagated: 0 });
    expect(outcome.validAfter.own).toBe(0);
    // Redis may be held up between reading its clock and writing the fill, and a key is there in the millisecond of its end.
    expect(latest(outcome.sinceRecord)).toBeLessThanOrEqual(boundMs + 1 + outcome.slackMs + outcome.slowestMs);
    return outcome;
  };

  it('says so, and ends the key elsewhere within entryTtlMs and freshMs of being on record', async () => {
    const outcome = await apart(boundMs + 100);
    expect(latest(outcome.sinceRecord)).toBeGreaterThan(0);
    report('unheard', outcome);
  });

  it('would be seen to fail with lasting-entries', async () => {
    await turnsRed(async () => {
      await apart(3 * boundMs, 'lasting-entries');
    });
  });

  it('ends the key within staleIfErrorMs where nobody can be asked either', async () => {
    const setting = { ...TIMES, staleIfErrorMs: STALE_MS, place: 'source' } as const;
    const outcome = await racing().alone(setting, { ...SOME, watchMs: STALE_MS + 100 });
    expect(outcome).toMatchObject({ propagated: 0, validAfter: { own: 0 } });
    expect(latest(outcome.sinceRecord)).toBeLessThanOrEqual(STALE_MS + outcome.slackMs);
    expect(latest(outcome.sinceRecord)).toBeGreaterThan(TIMES.freshMs);
    report('nobody to ask', outcome);
  });

  it('would be seen to fail then with slow-clock', async () => {
    const setting = { ...TIMES, staleIfErrorMs: STALE_MS, place: 'source' } as const;
    const outcome = await racing().alone(
      { ...setting, defect: 'slow-clock' },
      { ...SOME, rounds: 50, watchMs: STALE_MS + 300 },
    );
    expect(latest(outcome.sinceRecord)).toBeGreaterThan(STALE_MS + outcome.slackMs);
  });
});
