import { ConfigError } from '../errors.ts';
import { type FailureRate, type ResolvedFailureRate, resolveFailureRate } from './failure-window.ts';
import { type OpenBackoff, type ResolvedBackoff, resolveOpenBackoff } from './open-time.ts';

/** Settings of the circuit breaker. Milliseconds throughout. */
export interface BreakerSettings {
  /** Failures in a row that open the circuit. @default 5 */
  readonly failureThreshold?: number | undefined;
  /** Successful probes that close it again. @default 2 */
  readonly successThreshold?: number | undefined;
  /** How long it stays open. Not the deadline of a request. @default 10_000 */
  readonly timeout?: number | undefined;
  /** Probes that may be out at the same time. @default 1 */
  readonly halfOpenMaxConcurrent?: number | undefined;
  /** The longest that a server's Retry-After may hold the circuit open. @default 300_000 */
  readonly maxOpenMs?: number | undefined;
  /** A probe that has not settled after this long counts as failed at that moment. @default 1_500 */
  readonly probeLeaseMs?: number | undefined;
  /** A request that seems to have taken longer than this was frozen together with its process. @default 3_000 */
  readonly frozenAfterMs?: number | undefined;
  /** Stay open longer each time that a probe fails. @default off: `timeout` each time */
  readonly openBackoff?: OpenBackoff | undefined;
  /** Open also when too large a share of recent requests failed, in a row or not. @default off */
  readonly failureRate?: FailureRate | undefined;
  /** Count a success that took longer than `ms` as a failure of kind `slow`. @default off */
  readonly slowCall?: SlowCall | undefined;
}

export interface SlowCall {
  /** Milliseconds on the monotonic clock, from the permit to the report. Below the deadline of a request, to matter. */
  readonly ms: number;
}

type Plain = Omit<BreakerSettings, 'openBackoff' | 'failureRate' | 'slowCall'>;

export interface ResolvedBreaker extends Readonly<Record<keyof Plain, number>> {
  readonly openBackoff: ResolvedBackoff;
  readonly failureRate: ResolvedFailureRate | undefined;
  /** Infinite when the rule is off. */
  readonly slowCallMs: number;
}

/** Defaults filled in; an explicit `undefined` is unset. @throws ConfigError naming the option. */
export function resolveBreakerSettings(settings: BreakerSettings): ResolvedBreaker {
  const resolved = {
    failureThreshold: settings.failureThreshold ?? 5,
    successThreshold: settings.successThreshold ?? 2,
    timeout: settings.timeout ?? 10_000,
    halfOpenMaxConcurrent: settings.halfOpenMaxConcurrent ?? 1,
    maxOpenMs: settings.maxOpenMs ?? 300_000,
    probeLeaseMs: settings.probeLeaseMs ?? 1_500,
    frozenAfterMs: settings.frozenAfterMs ?? 3_000,
  };
  const { slowCall } = settings;
  const atLeastOne = slowCall ? { ...resolved, 'slowCall.ms': slowCall.ms } : resolved;
  for (const [option, value] of Object.entries(atLeastOne)) {
    if (!Number.isFinite(value) || value < 1) {
      throw new ConfigError(`breaker.${option}`, `must be a number of at least 1, got ${value}`);
    }
  }
  for (const option of ['failureThreshold', 'successThreshold', 'halfOpenMaxConcurrent'] as const) {
    const count = resolved[option];
    if (!Number.isInteger(count)) throw new ConfigError(`breaker.${option}`, `must be a whole number, got ${count}`);
  }
  if (resolved.frozenAfterMs < resolved.probeLeaseMs) {
    throw new ConfigError('breaker.frozenAfterMs', 'must not be shorter than breaker.probeLeaseMs');
  }
  return {
    ...resolved,
    openBackoff: resolveOpenBackoff(settings.openBackoff, resolved.timeout),
    failureRate: settings.failureRate && resolveFailureRate(settings.failureRate),
    slowCallMs: slowCall?.ms ?? Number.POSITIVE_INFINITY,
  };
}
