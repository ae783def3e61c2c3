import type { Check, OnlineContext } from '../check.ts';
import { finding, ok, type Said } from '../finding.ts';

const SAMPLES = 20;
const MAX_MS = 2_000;
/** More than this for each request is felt. */
const HIGH_MS = 50;
const DEFAULT_TIMEOUT_MS = 1_000;

/** How long a request takes, one after the other on the connection that is open. */
export const latencyCheck: Check<OnlineContext> = {
  name: 'latency',
  group: 'Connection',
  async run({ redis, settings }): Promise<readonly Said[]> {
    const times: number[] = [];
    for (const end = performance.now() + MAX_MS; times.length < SAMPLES && performance.now() < end; ) {
      const startedAt = performance.now();
      await redis.attempt([['PING']]);
      times.push(performance.now() - startedAt);
    }
    times.sort((one, other) => one - other);
    const [p50, p95] = [quantile(times, 0.5), quantile(times, 0.95)];
    const measured = `p50 ${ms(p50)}, p95 ${ms(p95)} of ${times.length} PINGs`;
    const timeoutMs = settings.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    if (p95 > timeoutMs / 2) {
      const what = `Requests take more than half of their deadline of ${timeoutMs} ms (KV_REQUEST_TIMEOUT_MS): ${measured}`;
      const fix = `${NEARER}; or raise KV_REQUEST_TIMEOUT_MS: slow answers open the circuit as an outage does`;
      return [finding('latency-near-deadline', what, fix)];
    }
    if (p50 <= HIGH_MS) return [ok(measured)];
    return [finding('latency-high', `Requests take more than ${HIGH_MS} ms: ${measured}`, NEARER)];
  },
};

const NEARER =
  'Put Redis into the region of the functions, and look from there: from your desk it may be farther than from the application';

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
