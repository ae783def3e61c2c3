import type { Clock } from '../clock.ts';
import type { KvError } from '../errors.ts';
import type { Command } from '../store/store.ts';
import type { ExecuteOptions, Result } from './call.ts';
import { isNoScript, toResult } from './classify.ts';
import type { ClientInstrumentation } from './instrumented.ts';
import type { AskOptions, Lane } from './lane.ts';

export interface OperationOptions {
  readonly instrumentation: ClientInstrumentation;
  readonly clock: Clock;
  readonly lane: Lane;
}

/** As `lane.ask`, and tells of it: from the call to the answer, with all that lies between. */
export async function runOperation(
  { instrumentation, clock, lane }: OperationOptions,
  commands: readonly Command[],
  options: ExecuteOptions,
): Promise<readonly Result[]> {
  const ask = async (asked: AskOptions) => (await lane.ask(commands, asked)).map(toResult);
  const startedAt = clock.monotonic();
  let answer: Promise<readonly Result[]> | undefined;
  const end = instrumentation.operation(commands, options.atomic === true, (within) => {
    answer ??= ask({ ...options, within });
  });
  answer ??= ask(options);
  const tell = (error: unknown, aborted: boolean) => {
    const durationMs = clock.monotonic() - startedAt;
    instrumentation.waited(durationMs);
    end?.({ durationMs, error, aborted });
  };
  try {
    const results = await answer;
    tell(firstError(results), false);
    return results;
  } catch (error) {
    tell(error, options.signal?.aborted === true && error === options.signal.reason);
    throw error;
  }
}

/** NOSCRIPT only where there is no other: it is how Redis asks for a script. */
function firstError(results: readonly Result[]): KvError | undefined {
  const errors = results.filter((result) => result instanceof Error);
  return errors.find((error) => !isNoScript(error)) ?? errors[0];
}
