import fc from 'fast-check';
import type { Subjects } from '../../lib/limit/limiter.ts';
import type { Policy } from '../../lib/limit/policy.ts';
import { worstExcess } from './admissions.ts';
import { type Dice, dice } from './dice.ts';
import { type Journey, type LeaseProcess, type LeaseWorld, leaseWorld, type ScriptEdit } from './lease-world.ts';

/** A policy whose leases last a whole number of milliseconds; 0 for none. */
export interface ScenarioPolicy {
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly leaseMs: number;
}

/** Everything that a run depends on; whatever is not named here comes from the seed. */
export interface Scenario {
  readonly seed: number;
  readonly processes: number;
  readonly policies: readonly ScenarioPolicy[];
  readonly prefetch: boolean;
  readonly timeoutMs: number;
  readonly slowestMs: number;
  /** Of requests: how many are lost, in percent, and how many replies. */
  readonly lostPercent: number;
  readonly turns: number;
  /** Everybody takes as much as there is and holds it as long as it lasts. */
  readonly conspiracy: boolean;
}

const policiesOf = (leased: boolean): fc.Arbitrary<ScenarioPolicy> =>
  fc
    .record({
      limit: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 300 })),
      windowMs: fc.integer({ min: 20, max: 3_000 }),
      burst: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 60 })),
      lease: fc.integer({ min: 1, max: 100 }),
    })
    .map(({ lease, ...quota }) => ({ ...quota, leaseMs: leased ? Math.ceil((lease * quota.windowMs) / 100) : 0 }))
    // To be compared to the millisecond.
    .filter(({ leaseMs, windowMs }) => (leaseMs / windowMs) * windowMs === leaseMs);

const leased = policiesOf(true);
const exact = policiesOf(false);

/** Anything. */
export const scenarios: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.integer(),
  processes: fc.integer({ min: 1, max: 7 }),
  policies: fc.oneof(
    fc.tuple(leased),
    fc.tuple(leased, leased),
    fc.tuple(leased, exact),
    fc.tuple(exact, leased, leased),
  ),
  prefetch: fc.boolean(),
  timeoutMs: fc.integer({ min: 20, max: 500 }),
  slowestMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 300 })),
  lostPercent: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 30 })),
  turns: fc.integer({ min: 1, max: 10 }),
  conspiracy: fc.boolean(),
});

/** Where holding on to permits pays best: what comes back in a lease is more than the burst. */
export const conspiracies: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.integer(),
  processes: fc.integer({ min: 2, max: 6 }),
  policies: fc.tuple(
    fc
      .record({
        burst: fc.integer({ min: 20, max: 60 }),
        leaseMs: fc.integer({ min: 20, max: 400 }),
        times: fc.integer({ min: 1, max: 4 }),
      })
      .map(({ burst, leaseMs, times }) => ({ burst, leaseMs, windowMs: leaseMs, limit: burst * times })),
  ),
  prefetch: fc.boolean(),
  timeoutMs: fc.integer({ min: 100, max: 500 }),
  slowestMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 200 })),
  lostPercent: fc.constant(0),
  turns: fc.integer({ min: 1, max: 4 }),
  conspiracy: fc.constant(true),
});

/** Hoarders under a leased and an exact policy. Nothing is lost, and nobody leaves. */
export const besideExact: fc.Arbitrary<Scenario> = fc
  .tuple(conspiracies, exact)
  .map(([scenario, other]) => ({ ...scenario, policies: [...scenario.policies, other], timeoutMs: 1_000 }));

/** Few permits for many. */
export const scarcity: fc.Arbitrary<Scenario> = fc
  .tuple(scenarios, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 100 }))
  .map(([scenario, burst, leaseMs]) => ({
    ...scenario,
    policies: [{ limit: burst, burst, leaseMs, windowMs: 65_536 }],
    turns: 10,
  }));

export interface Outcome {
  readonly world: LeaseWorld;
  /** By account, in permits; see {@link worstExcess}. */
  readonly excess: ReadonlyMap<string, number>;
}

const MAX_CHECKS = 100;
const NAMES = ['shared', 'own', 'other'];

/** Runs a scenario to its end. */
export async function play(scenario: Scenario, planted?: ScriptEdit): Promise<Outcome> {
  const { seed, timeoutMs, prefetch, slowestMs, lostPercent } = scenario;
  const luck = dice(seed);
  const policies = scenario.policies.map(
    ({ leaseMs, ...quota }, index): Policy => ({
      name: NAMES[index] ?? '',
      ...quota,
      maxOverAdmission: leaseMs / quota.windowMs,
    }),
  );
  const journey = (): Journey => ({
    beforeMs: luck.whole(0, slowestMs),
    afterMs: luck.whole(0, slowestMs),
    fate: !luck.chance(lostPercent / 100) ? 'well' : luck.pick(['request lost', 'reply lost']),
  });
  const greed = scenario.conspiracy ? 1 : luck.share();
  const isGreedy = () => luck.chance(greed);
  const world = await leaseWorld({ policies, prefetch, timeoutMs, journey, isGreedy, maxChecks: MAX_CHECKS, planted });
  let endsAt = 0;
  for (let number = 0; number < scenario.processes; number += 1) {
    const process = world.start(luck.whole(-3_600_000, 3_600_000));
    const character = scenario.conspiracy ? 'hoards' : luck.pick(CHARACTERS);
    endsAt = Math.max(endsAt, actLike(character, { world, process, luck, scenario, number }));
  }
  await world.clock.play(world.clock.monotonic() + endsAt + 2 * slowestMs + 2 * timeoutMs);
  const excess = new Map<string, number>();
  for (const [account, admissions] of world.admissions) {
    const bound = scenario.policies[NAMES.findIndex((name) => account.startsWith(`ratelimit:${name}:`))];
    if (bound) excess.set(account, worstExcess(admissions, bound));
  }
  return { world, excess };
}

interface Stage {
  readonly world: LeaseWorld;
  readonly process: LeaseProcess;
  readonly luck: Dice;
  readonly scenario: Scenario;
  readonly number: number;
}

type Character = 'steady' | 'bursts' | 'hoards' | 'leaves early' | 'insists';
const CHARACTERS = ['steady', 'bursts', 'hoards', 'leaves early', 'insists'] as const;

/** Plans what a process does. Answers when it will have done it. */
function actLike(character: Character, stage: Stage): number {
  const { world, process, luck, scenario } = stage;
  const longestMs = Math.max(...scenario.policies.map(({ windowMs, leaseMs }) => Math.max(leaseMs, windowMs / 4)));
  if (character === 'hoards') process.onRequest = () => waitForTheEnd(stage);
  let at = luck.whole(0, 5);
  for (let turn = 0; turn < scenario.turns; turn += 1) {
    world.clock.after(at, () => {
      if (luck.chance(0.1)) process.jumpWall(luck.whole(-5_000, 5_000));
      act(character, stage);
    });
    const isLong = luck.chance(character === 'hoards' ? 0.8 : 0.2);
    at += luck.whole(0, isLong ? Math.ceil(2 * longestMs) : Math.ceil(longestMs / 8));
  }
  return at + 2 * longestMs;
}

function act(character: Character, { process, luck, number }: Stage): void {
  const subjects = someSubjects(process, luck, number);
  const cost = luck.chance(0.7) ? 1 : luck.whole(1, 6);
  const again = () => void process.spend(subjects, { cost });
  if (character === 'leaves early') {
    const controller = new AbortController();
    void process.spend(subjects, { cost, signal: controller.signal, timeoutMs: luck.whole(1, 60) });
    if (luck.chance(0.5)) controller.abort();
  } else if (character === 'insists') {
    void process.spend(subjects, { cost }).then((result) => (result?.allowed ? undefined : again()));
  } else if (character === 'bursts') for (let more = luck.whole(1, 8); more > 0; more -= 1) again();
  else again();
}

/** The address is everybody's, the keys are some processes' each; one policy at least. */
function someSubjects({ limiter }: LeaseProcess, luck: Dice, number: number): Subjects {
  const all = [['shared', 'a'] as const, ['own', `k${number % 3}`] as const, ['other', `o${number % 2}`] as const];
  const known = all.filter(([name]) => limiter.policies.has(name));
  const chosen = known.filter(() => luck.chance(0.8));
  return Object.fromEntries(chosen.length > 0 ? chosen : known.slice(0, 1));
}

/** Of every request as it leaves: what it brings is spent at the end of its life, or held on to with one more request. */
function waitForTheEnd(stage: Stage): void {
  const { world, scenario, luck } = stage;
  for (const { leaseMs } of scenario.policies) {
    if (leaseMs === 0) continue;
    const [early, late] = [luck.whole(1, 3), luck.pick([0, 1, 1, 1])];
    if (luck.chance(0.3)) world.clock.after(leaseMs - early, () => void spendBeyond(stage));
    else world.clock.after(leaseMs - late, () => void spendAll(stage));
  }
}

/** All that is held, in one piece or permit by permit, and at the same moment what the store still has. */
async function spendAll(stage: Stage): Promise<void> {
  const { process, luck } = stage;
  const { subjects, held } = await holding(stage);
  if (held === 0) return;
  const cost = luck.chance(0.5) ? 1 : luck.whole(1, held);
  const more = luck.chance(0.5) ? luck.whole(1, 12) : 0;
  for (let spent = 0; spent < Math.min(held, 40 * cost); spent += cost) void process.spend(subjects, { cost });
  for (let extra = 0; extra < more; extra += 1) void process.spend(subjects, { cost: 1 });
}

/** More than is held, so that the store is asked and what is held stays. */
async function spendBeyond(stage: Stage): Promise<void> {
  const { subjects, held } = await holding(stage);
  void stage.process.spend(subjects, { cost: held + 1 });
}

async function holding({ process, luck, number }: Stage): Promise<{ subjects: Subjects; held: number }> {
  const { limiter } = process;
  const subjects = someSubjects(process, luck, number);
  const names = Object.entries(subjects);
  const charges = await Promise.all(names.map(([name, subject]) => limiter.chargeOf(name, subject)));
  return { subjects, held: Math.max(...charges.map(limiter.leases.held)) };
}
