import type { ExecuteOptions } from '../../lib/client/call.ts';
import { createKv, type KvClient, type KvOptions } from '../../lib/client/kv-client.ts';
import { isKvError, StoreError } from '../../lib/errors.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import type { Command } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { type PendingRequest, scriptedStore } from '../../lib/testing/scripted-store.ts';

/** What a store says that cannot be reached. */
export const AWAY: StoreError = new StoreError('network', 'refused', { mayHaveRun: false });

/** A client over a store and a clock that do what the test says; `seen` is what its callers were told, in order. */
export function scriptedClient(options: Partial<KvOptions> = {}) {
  const clock = manualClock();
  clock.advance(3_600_000);
  const store = scriptedStore();
  const events: BreakwaterEvent[] = [];
  const kv = createKv({ store, clock, onEvent: (event) => events.push(event), ...options });
  const seen: string[] = [];
  const execute = (commands: readonly Command[], callOptions?: ExecuteOptions, on: KvClient = kv) => {
    const name = commands[0]?.join(' ');
    on.execute(commands, callOptions).then(
      (results) =>
        seen.push(`${name}: ${JSON.stringify(results.map((one) => (one instanceof Error ? told(one) : one)))}`),
      (error: unknown) => seen.push(`${name}! ${told(error)}`),
    );
  };
  const wire = () => store.sent.map(({ commands }) => commands.map((command) => command.join(' ')).join(', '));
  const request = (index: number): PendingRequest => {
    const found = store.sent.at(index);
    if (!found) throw new Error(`there is no request ${index}`);
    return found;
  };
  /** Opens the circuit by five failures in a row. */
  const trip = async (error: Error = AWAY) => {
    store.respond(() => error);
    for (let index = 0; index < 5; index += 1) await kv.command(['GET', 'trip']).catch(() => {});
    store.respond(undefined);
  };
  return { clock, store, events, kv, seen, execute, wire, request, trip };
}

/** An error in one word or two. */
export function told(error: unknown): string {
  if (!isKvError(error)) return String(error);
  if (error.code === 'COMMAND') return error.replyCode;
  if (error.code === 'CIRCUIT_OPEN') return `CIRCUIT_OPEN ${error.retryAfterMs}`;
  if (error.code === 'CONFIG') return `CONFIG ${error.setting}`;
  return `${error.code === 'STORE' ? error.kind : error.code} ${error.mayHaveRun}`;
}
