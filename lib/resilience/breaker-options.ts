import { ConfigError } from '../errors.ts';

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
}

type Resolved = { readonly [Key in keyof BreakerSettings]-?: number };

/** Defaults filled in; an explicit `undefined` is unset. @throws ConfigError naming the option. */
export function resolveBreakerSettings(settings: BreakerSettings): Resolved {
  const resolved = {
    failureThreshold: settings.failureThreshold ?? 5,
    successThreshold: settings.successThreshold ?? 2,
    timeout: settings.timeout ?? 10_000,
    halfOpenMaxConcurrent: settings.halfOpenMaxConcurrent ?? 1,
    maxOpenMs: settings.maxOpenMs ?? 300_000,
    probeLeaseMs: settings.probeLeaseMs ?? 1_500,
    frozenAfterMs: settings.frozenAfterMs ?? 3_000,
  };
  for (const [option, value] of Object.entries(resolved)) {
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
  return resolved;
}
