import type { FailureKind } from '../../lib/events.ts';
import type { CircuitSnapshot } from '../../lib/resilience/circuit.ts';
import type { ManualClock } from '../../lib/testing/manual-clock.ts';

/** What the model knows of one granted request. */
export interface Leave {
  readonly epoch: number;
  readonly wall: number;
  readonly monotonic: number;
  settled: boolean;
}

export interface Rules {
  readonly failures: number;
  readonly successes: number;
  readonly atOnce: number;
  readonly growth: number;
  readonly slowMs: number | undefined;
  readonly rate: { readonly calls: number; readonly share: number } | undefined;
}

export const RATE_MS = 10_000;
export const GROWTH_CAP_MS = 35_000;

export const OPEN_MS = 10_000;
const OPEN_CAP_MS = 300_000;
const LEASE_MS = 1_500;
const FROZEN_MS = 3_000;

export type Mode = CircuitSnapshot['mode'];
export type Result = 'success' | 'neutral' | { readonly retryAfterMs: number; readonly kind?: FailureKind };

/** The circuit breaker as its rules are written down, one rule per line where that is possible; slow and plain. */
export class BreakerModel {
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

  private fail(kind: FailureKind, at: number): void {
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
    else if (result === 'success') this.bad('slow', 0);
    else this.bad(result.kind ?? 'http', result.retryAfterMs);
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

  private bad(kind: FailureKind, retryAfterMs: number): void {
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
    const copy = Object.assign(new BreakerModel(this.clock, this.rules), this, { counted: { ...this.counted } });
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
