import { isRefusal, type Outcome, type Permit } from '../../lib/resilience/circuit.ts';
import { type CircuitBreakerOptions, createCircuitBreaker } from '../../lib/resilience/circuit-breaker.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

export const HOUR_MS = 3_600_000;
export const SUCCESS: Outcome = { result: 'success' };
export const FAILURE: Outcome = { result: 'failure', kind: 'network' };
export const NEUTRAL: Outcome = { result: 'neutral' };

/** A circuit breaker in a process that is an hour old, by a clock of the test's. */
export function agedBreaker(options: Partial<CircuitBreakerOptions> = {}) {
  const clock = manualClock();
  const breaker = createCircuitBreaker({ clock, ...options });
  clock.advance(HOUR_MS);
  const permit = (): Permit => {
    const answer = breaker.acquire();
    if (isRefusal(answer)) throw new Error(`refused for ${answer.retryAfterMs} ms`);
    return answer;
  };
  const report = (outcome: Outcome, times = 1) => {
    for (let time = 0; time < times; time += 1) breaker.settle(permit(), outcome);
  };
  return { clock, breaker, permit, report };
}
