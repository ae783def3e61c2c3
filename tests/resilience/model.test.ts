import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type CircuitBreaker, type CircuitSnapshot, isRefusal, type Permit } from '../../lib/resilience/circuit.ts';
import { createCircuitBreaker } from '../../lib/resilience/circuit-breaker.ts';
import { type ManualClock, manualClock } from '../../lib/testing/manual-clock.ts';

/** What the model knows of one granted request. */
interface Leave {
  readonly epoch: number;
  readonly wall: number;
  readonly monotonic: number;
  settled: boolean;
}

interface Rules {
  readonly failures: number;
  readonly successes: number;
  readonly atOnce: number;
  readonly growth: number;
  readonly slowMs: number | undefined;
  readonly rate: { readonly calls: number; readonly share: number } | undefined;
}

const RATE_MS = 10_000;
const GROWTH_CAP_MS = 35_000;

const OPEN_MS = 10_000;
const OPEN_CAP_MS = 300_000;
const LEASE_MS = 1_500;
const FROZEN_MS = 3_000;

type Mode = CircuitSnapshot['mode'];
type Result = 'success' | 'neutral' | { readonly retryAfterMs: number };

/** The circuit breaker as its rules are written down, one rule per line where that is possible; slow and plain. */
class Model {
  name: CircuitSnapshot['state'] = 'CLOSED';
  epoch = 0;
  inARow = 0;
  good = 0;
  openWall = 0;
  openMonotonic = 0;
  openFor = 0;
  out: Leave[] = [];
  mode: Mode = 'AUTO';
  reopened = 0;
  /** The end of the longest Retry-After heard: wall and monotonic time of hearing it, and its length. */
  asked = { wall: 0, monotonic: 0, ms: 0 };
  /** Time since the epoch began, whatever the scale, and the tenth of the rate's window in which each result came. */
  passed = 0;
  passedAt = { wall: 0, monotonic: 0 };
  results: { readonly tenth: number; readonly bad: boolean }[] = [];
  last: CircuitSnapshot['lastFailure'];
  counted = { successes: 0, failures: 0, neutral: 0, ignored: 0, refused: 0, opened: 0 };
  private readonly clock: ManualClock;
  private readonly rules: Rules;

  constructor(clock: ManualClock, rules: Rules) {
    this.clock = clock;
    this.rules = rules;
    this.passedAt = this.now();
  }

  private now() {
    return { wall: this.clock.now(), monotonic: this.clock.monotonic() };
  }

  private since(wall: number, monotonic: number): number {
    return Math.max(0, this.clock.now() - wall, this.clock.monotonic() - monotonic);
  }

  private age(leave: Leave): number {
    return this.since(leave.wall, leave.monotonic);
  }

  private enter(name: CircuitSnapshot['state']): void {
    this.name = name;
    this.epoch += 1;
    this.inARow = 0;
    this.good = 0;
    this.out = [];
    this.asked = { wall: 0, monotonic: 0, ms: 0 };
    this.results = [];
    this.passed = 0;
    this.passedAt = this.now();
    if (name === 'CLOSED') this.reopened = 0;
  }

  private open(wall: number, monotonic: number, atLeast = 0): void {
    this.reopened = this.name === 'CLOSED' ? 0 : this.reopened + 1;
    this.enter('OPEN');
    const openFor = Math.max(atLeast, Math.min(OPEN_MS * this.rules.growth ** this.reopened, GROWTH_CAP_MS));
    this.openWall = wall;
    this.openMonotonic = monotonic;
    this.openFor = openFor;
    this.counted.opened += 1;
  }

  private fail(kind: 'http' | 'probe-lost' | 'slow', at: number): void {
    this.counted.failures += 1;
    this.last = { kind, at };
  }

  private tenth(): number {
    return Math.floor((this.passed + this.since(this.passedAt.wall, this.passedAt.monotonic)) / (RATE_MS / 10));
  }

  private recent(): CircuitSnapshot['recent'] {
    if (this.name !== 'CLOSED' || !this.rules.rate) return undefined;
    const young = this.results.filter(({ tenth }) => tenth > this.tenth() - 10);
    return { calls: young.length, failures: young.filter(({ bad }) => bad).length };
  }

  private note(bad: boolean): void {
    this.passed += this.since(this.passedAt.wall, this.passedAt.monotonic);
    this.passedAt = this.now();
    this.results.push({ tenth: this.tenth(), bad });
  }

  private stillAsked(): number {
    return Math.max(0, this.asked.ms - this.since(this.asked.wall, this.asked.monotonic));
  }

  /** What time alone has done. */
  private catchUp(): void {
    for (;;) {
      const lost = this.out.find((leave) => this.age(leave) >= LEASE_MS && this.age(leave) <= FROZEN_MS);
      if (this.mode === 'FORCED_OPEN') break;
      if (this.name === 'OPEN' && this.since(this.openWall, this.openMonotonic) >= this.openFor)
        this.enter('HALF_OPEN');
      else if (this.name === 'HALF_OPEN' && lost) {
        this.fail('probe-lost', lost.wall + LEASE_MS);
        this.open(lost.wall + LEASE_MS, lost.monotonic + LEASE_MS);
      } else break;
    }
    this.out = this.out.filter((leave) => this.age(leave) <= FROZEN_MS);
  }

  private wait(): number | undefined {
    if (this.name === 'CLOSED') return undefined;
    if (this.mode === 'FORCED_OPEN') return OPEN_MS;
    if (this.name === 'OPEN') return this.openFor - this.since(this.openWall, this.openMonotonic);
    const full = this.out.length >= this.rules.atOnce || this.good + this.out.length >= this.rules.successes;
    return full ? Math.min(...this.out.map((leave) => LEASE_MS - this.age(leave))) : undefined;
  }

  acquire(): Leave | number {
    this.catchUp();
    const wait = this.wait();
    if (wait !== undefined) {
      this.counted.refused += 1;
      return wait;
    }
    const leave = {
      epoch: this.epoch,
      wall: this.clock.now(),
      monotonic: this.clock.monotonic(),
      settled: false,
    };
    if (this.name === 'HALF_OPEN') this.out.push(leave);
    return leave;
  }

  settle(leave: Leave, result: Result): void {
    if (leave.settled) return;
    leave.settled = true;
    this.catchUp();
    if (leave.epoch !== this.epoch || this.mode === 'DISABLED') {
      this.counted.ignored += 1;
      return;
    }
    this.out = this.out.filter((other) => other !== leave);
    const slow = this.clock.monotonic() - leave.monotonic > (this.rules.slowMs ?? Number.POSITIVE_INFINITY);
    if (result === 'neutral' || this.age(leave) > FROZEN_MS) this.counted.neutral += 1;
    else if (result === 'success' && !slow) this.succeed();
    else this.bad(result === 'success' ? 'slow' : 'http', result === 'success' ? 0 : result.retryAfterMs);
  }

  private succeed(): void {
    this.counted.successes += 1;
    if (this.name === 'CLOSED') {
      this.inARow = 0;
      this.note(false);
      return;
    }
    this.good += 1;
    if (this.good === this.rules.successes) this.enter('CLOSED');
  }

  private bad(kind: 'http' | 'slow', retryAfterMs: number): void {
    const { wall, monotonic } = this.now();
    const heard = Math.min(retryAfterMs, OPEN_CAP_MS);
    this.fail(kind, wall);
    if (this.name === 'HALF_OPEN') {
      this.open(wall, monotonic, heard);
      return;
    }
    this.inARow += 1;
    this.note(true);
    if (heard > this.stillAsked()) this.asked = { wall, monotonic, ms: heard };
    if (this.mode === 'METRICS_ONLY') return;
    const { rate } = this.rules;
    const recent = this.recent();
    const tooMany = rate && recent && recent.calls >= rate.calls && recent.failures / recent.calls >= rate.share;
    if (this.inARow >= this.rules.failures || tooMany) this.open(wall, monotonic, this.stillAsked());
  }

  force(mode: Mode): void {
    this.catchUp();
    if (mode === this.mode) return;
    this.mode = mode;
    this.enter(mode === 'FORCED_OPEN' ? 'OPEN' : 'CLOSED');
    this.reopened = 0;
    this.openWall = this.clock.now();
    this.openFor = Number.POSITIVE_INFINITY;
  }

  release(): void {
    if (this.mode === 'AUTO') return;
    this.mode = 'AUTO';
    this.enter('CLOSED');
  }

  reset(): void {
    this.catchUp();
    this.mode = 'AUTO';
    this.enter('CLOSED');
  }

  /** What a look must show: the state that the next request would meet. */
  seen(): CircuitSnapshot {
    const copy = Object.assign(new Model(this.clock, this.rules), this, { counted: { ...this.counted } });
    copy.catchUp();
    return {
      state: copy.name,
      mode: copy.mode,
      epoch: copy.epoch,
      consecutiveFailures: copy.inARow,
      probeSuccesses: copy.good,
      openedAt: copy.name === 'OPEN' ? copy.openWall : undefined,
      openForMs: copy.name === 'OPEN' && copy.mode === 'AUTO' ? copy.openFor : undefined,
      reopenCount: copy.reopened,
      recent: copy.recent(),
      retryAfterMs: copy.wait(),
      lastFailure: copy.last,
      totals: copy.counted,
    };
  }
}

type Step =
  | { readonly do: 'acquire'; readonly times: number }
  | { readonly do: 'settle'; readonly which: number; readonly result: Result }
  | { readonly do: 'advance' | 'jumpWall' | 'suspend'; readonly ms: number }
  | { readonly do: 'force'; readonly mode: Exclude<Mode, 'AUTO'> }
  | { readonly do: 'reset' }
  | { readonly do: 'release' };

/** Mostly lengths at which something happens, and their neighbours. */
const length = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1, 500, 1_499, 1_500, 1_501, 2_999, 3_000, 3_001, 9_999, 10_000, 10_001) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 320_000 }) },
);
const result: fc.Arbitrary<Result> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Result>('success') },
  { weight: 1, arbitrary: fc.constant<Result>('neutral') },
  { weight: 9, arbitrary: fc.constant<Result>({ retryAfterMs: 0 }) },
  { weight: 1, arbitrary: fc.integer({ min: -1, max: 400_000 }).map((retryAfterMs) => ({ retryAfterMs })) },
);
/** Counted from the latest permit, so that small numbers are probes and large ones are late. */
const which = fc.oneof({ weight: 5, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(40) });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('acquire' as const), times: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('settle' as const), which, result }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: length }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('jumpWall' as const),
      ms: fc.oneof(fc.constantFrom(3_600_000, -3_600_000), length),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('suspend' as const), ms: length }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'reset' as const }, { do: 'release' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('force' as const),
      mode: fc.constantFrom('FORCED_OPEN' as const, 'DISABLED' as const, 'METRICS_ONLY' as const),
    }),
  },
);

function perform(steps: readonly Step[], rules: Rules): Set<string> {
  const clock = manualClock();
  const breaker: CircuitBreaker = createCircuitBreaker({
    clock,
    failureThreshold: rules.failures,
    successThreshold: rules.successes,
    halfOpenMaxConcurrent: rules.atOnce,
    openBackoff: { factor: rules.growth, maxMs: GROWTH_CAP_MS, jitter: 0 },
    slowCall: rules.slowMs === undefined ? undefined : { ms: rules.slowMs },
    failureRate: rules.rate && {
      windowMs: RATE_MS,
      minimumCalls: rules.rate.calls,
      threshold: rules.rate.share,
    },
  });
  const model = new Model(clock, rules);
  const granted: { readonly permit: Permit; readonly leave: Leave }[] = [];
  const met = new Set<string>();
  const acquire = () => {
    const answer = breaker.acquire();
    const expected = model.acquire();
    if (isRefusal(answer) || typeof expected === 'number') {
      expect(answer).toEqual({ refused: true, retryAfterMs: expected });
    } else {
      expect(answer.epoch).toBe(expected.epoch);
      granted.push({ permit: answer, leave: expected });
    }
  };
  for (const one of steps) {
    if (one.do === 'acquire') for (let time = 0; time < one.times; time += 1) acquire();
    else if (one.do === 'settle') {
      const chosen = granted.at(-1 - one.which);
      if (!chosen) continue;
      const outcome =
        typeof one.result === 'string'
          ? { result: one.result }
          : { result: 'failure' as const, kind: 'http' as const, retryAfterMs: one.result.retryAfterMs };
      breaker.settle(chosen.permit, outcome);
      model.settle(chosen.leave, one.result);
    } else if (one.do === 'reset' || one.do === 'release') {
      breaker[one.do]();
      model[one.do]();
    } else if (one.do === 'force') {
      breaker.force(one.mode);
      model.force(one.mode);
    } else clock[one.do](one.ms);
    const shown = breaker.snapshot();
    expect(shown).toEqual(model.seen());
    expect(breaker.closed).toBe(model.name === 'CLOSED');
    met.add(shown.state).add(shown.mode);
  }
  return met;
}

const rules: fc.Arbitrary<Rules> = fc.record({
  failures: fc.constantFrom(1, 2, 5),
  successes: fc.integer({ min: 1, max: 3 }),
  atOnce: fc.integer({ min: 1, max: 3 }),
  growth: fc.constantFrom(1, 1, 2),
  slowMs: fc.constantFrom(undefined, undefined, 400),
  rate: fc.constantFrom(undefined, { calls: 4, share: 0.5 }),
});

it('does what its written rules say, whatever happens to it in whatever order', () => {
  const met = new Map<string, number>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), rules, (steps, chosen) => {
      for (const state of perform(steps, chosen)) met.set(state, (met.get(state) ?? 0) + 1);
    }),
    { numRuns: 10_000, verbose: 1 },
  );
  // A run that never leaves CLOSED shows little: many must reach the other states.
  for (const rare of ['OPEN', 'HALF_OPEN', 'FORCED_OPEN', 'DISABLED', 'METRICS_ONLY']) {
    expect(met.get(rare), rare).toBeGreaterThan(2_000);
  }
}, 60_000);
