import type { Clock } from '../../lib/clock.ts';
import type { Measure } from './measures.ts';

export interface LoadOptions {
  readonly clock: Clock;
  /** How long calls are begun, in milliseconds. */
  readonly forMs: number;
  /** Calls at most. */
  readonly requests: number;
  /** Calls at the same time. */
  readonly concurrency: number;
  readonly stop: AbortSignal;
  /** Told how many calls have ended. */
  readonly onProgress: (calls: number) => void;
}

export interface Load {
  /** How long each call took that was answered, in milliseconds, the quickest first. */
  readonly tookMs: readonly number[];
  readonly failures: number;
  readonly elapsedMs: number;
}

/** Calls that are made before any is measured: connections are opened then, and scripts loaded. */
const WARM_UP_CALLS = 3;
/** Requests of a measure besides those that are measured, at most. */
export const EXTRA_REQUESTS: number = WARM_UP_CALLS + 2;
/** A Redis that fails more often is not there to be measured. */
const MAX_FAILURES = 10;

/** Does one thing again and again. Stopped it answers with what it has. @throws what the last call of too many failed with */
export async function runLoad(measure: Measure, options: LoadOptions): Promise<Load> {
  const { clock, forMs, requests, concurrency, stop, onProgress } = options;
  const tookMs: number[] = [];
  let [begun, failures] = [0, 0];
  await warmUp(measure, stop);
  const startedAt = clock.monotonic();
  const isOn = () => !stop.aborted && begun < requests && clock.monotonic() - startedAt < forMs;
  const work = async (worker: number): Promise<void> => {
    while (isOn()) {
      begun += 1;
      const calledAt = clock.monotonic();
      try {
        await measure.run(worker);
        tookMs.push(clock.monotonic() - calledAt);
      } catch (error) {
        // The client is closed when the command is to stop.
        if (stop.aborted) return;
        failures += 1;
        if (failures >= MAX_FAILURES) throw error;
      }
      onProgress(tookMs.length + failures);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, worker) => work(worker)));
  const elapsedMs = clock.monotonic() - startedAt;
  return { tookMs: tookMs.sort((a, b) => a - b), failures, elapsedMs };
}

/** Nothing that goes wrong because it is to stop is worth saying. */
async function warmUp({ prepare, run }: Measure, stop: AbortSignal): Promise<void> {
  try {
    await prepare?.();
    for (let call = 0; call < WARM_UP_CALLS && !stop.aborted; call += 1) await run(0);
  } catch (error) {
    if (!stop.aborted) throw error;
  }
}
