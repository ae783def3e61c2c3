import type { Cancel, Clock } from '../clock.ts';
import { ConfigError, DeadlineError, isKvError, StoreError } from '../errors.ts';
import type { Command, Reply } from '../store/store.ts';
import { isRead } from './commands.ts';
import { runWithin, type Within } from './telemetry.ts';

export interface BatchSettings {
  /** Requests that may be under way before further commands gather for the next one. @default 4 */
  readonly maxInFlight?: number | undefined;
  /** @default 256 */
  readonly maxCommands?: number | undefined;
  /** Size of the arguments of one request, in UTF-16 units. @default 524_288 */
  readonly maxSize?: number | undefined;
  /** Commands that may wait in all; further ones are refused at once. @default 10_000 */
  readonly maxQueued?: number | undefined;
}

export interface BatcherOptions extends BatchSettings {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Sends one request. Rejects by itself within `timeoutMs`. */
  readonly send: (
    commands: readonly Command[],
    controller: AbortController,
    atomic: boolean,
  ) => Promise<readonly Reply[]>;
}

export interface SubmitOptions {
  /** Detaches this caller; commands that have not left are not sent. */
  readonly signal?: AbortSignal | undefined;
  /** A request of its own, in its turn: behind what was submitted before it. @default false */
  readonly atomic?: boolean | undefined;
  /** Called when the commands leave. */
  readonly onSent?: (() => void) | undefined;
  /** Where the request is sent from, if this call is the first in it. @default what the runtime takes for the caller */
  readonly within?: Within | undefined;
}

export interface Batcher {
  /** The replies to `commands`, which stay together and in order. */
  submit(commands: readonly Command[], options?: SubmitOptions): Promise<readonly Reply[]>;
}

interface Call {
  readonly commands: readonly Command[];
  readonly size: number;
  readonly expiresAt: number;
  readonly onSent: (() => void) | undefined;
  readonly within: Within | undefined;
  readonly resolve: (replies: readonly Reply[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch {
  /** Those that still wait, in order. */
  readonly calls: Set<Call>;
  /** Holds one call and takes no others. */
  readonly atomic: boolean;
  readonly controller: AbortController;
  commands: number;
  size: number;
  sent: boolean;
  cancelExpiry: Cancel | undefined;
}

/** A request that has not come back this long after its deadline never will: runtimes end promises with their request. */
const LOST_AFTER_MS = 500;

/**
 * Group commit. Commands issued in one tick leave as one request; while `maxInFlight` requests are under way, commands
 * gather and leave together when one returns. So batches grow with load by themselves, and an idle client waits for
 * nothing.
 *
 * @throws ConfigError naming the bound that is not a whole number of at least 1.
 */
export function createBatcher(options: BatcherOptions): Batcher {
  const { clock, timeoutMs, send, maxInFlight = 4, maxCommands = 256, maxSize = 524_288, maxQueued = 10_000 } = options;
  requireCounts({ maxInFlight, maxCommands, maxSize, maxQueued });
  const queue: Batch[] = [];
  /** The requests under way, and since when. */
  const inFlight = new Map<Batch, number>();
  let queued = 0;
  let flushing = false;

  const isBusy = () => {
    if (inFlight.size < maxInFlight) return false;
    const lostBefore = clock.monotonic() - timeoutMs - LOST_AFTER_MS;
    for (const [batch, sentAt] of inFlight) if (sentAt < lostBefore) inFlight.delete(batch);
    return inFlight.size >= maxInFlight;
  };

  const flush = () => {
    flushing = false;
    while (!isBusy()) {
      const batch = queue.shift();
      if (!batch) return;
      queued -= batch.commands;
      batch.sent = true;
      if (batch.calls.size > 0) void dispatch(batch);
    }
    for (const batch of queue) expireLater(batch);
  };

  const scheduleFlush = () => {
    if (flushing || isBusy()) return;
    flushing = true;
    queueMicrotask(flush);
  };

  const dispatch = async (batch: Batch) => {
    inFlight.set(batch, clock.monotonic());
    const calls = [...batch.calls];
    try {
      for (const call of calls) call.onSent?.();
      const commands = calls.flatMap((call) => call.commands);
      // A request that leaves when another returns would pass for that one's child in a trace.
      const within = calls[0]?.within;
      const replies = await (within
        ? runWithin(within, () => send(commands, batch.controller, batch.atomic))
        : send(commands, batch.controller, batch.atomic));
      let index = 0;
      for (const call of calls) {
        const end = index + call.commands.length;
        call.resolve(replies.slice(index, end));
        index = end;
      }
    } catch (error) {
      for (const call of calls) call.reject(lost(error, call));
    } finally {
      inFlight.delete(batch);
      flush();
    }
  };

  /** Whoever has to wait keeps a deadline of his own: the requests ahead of him may take all of theirs. */
  const expireLater = (batch: Batch) => {
    // All wait equally long, so the first is the next to expire.
    const [first] = batch.calls;
    if (!first || batch.cancelExpiry) return;
    batch.cancelExpiry = clock.after(first.expiresAt - clock.monotonic(), () => {
      batch.cancelExpiry = undefined;
      for (const call of batch.calls) {
        // Timers may ring a fraction of a millisecond early.
        if (call.expiresAt - clock.monotonic() >= 1) break;
        call.reject(new DeadlineError(timeoutMs, batch.sent && !call.commands.every(isRead)));
      }
      expireLater(batch);
    });
  };

  const gather = (call: Call, atomic: boolean): Batch => {
    const last = queue.at(-1);
    const joinable = last && !last.atomic && !atomic ? last : undefined;
    const batch = joinable && fitsInto(joinable, call) ? joinable : newBatch(atomic);
    if (batch !== joinable) queue.push(batch);
    batch.calls.add(call);
    batch.commands += call.commands.length;
    batch.size += call.size;
    queued += call.commands.length;
    return batch;
  };

  const fitsInto = (batch: Batch, call: Call): boolean =>
    batch.commands + call.commands.length <= maxCommands && batch.size + call.size <= maxSize;

  const ungather = (batch: Batch, call: Call): boolean => {
    if (!batch.calls.delete(call)) return false;
    if (!batch.sent) {
      batch.commands -= call.commands.length;
      batch.size -= call.size;
      queued -= call.commands.length;
    }
    if (batch.calls.size === 0) {
      batch.cancelExpiry?.();
      batch.cancelExpiry = undefined;
    }
    return true;
  };

  return {
    submit(given, { signal, atomic = false, onSent, within } = {}) {
      // The caller's array may change under us, and every reply behind it would go to the wrong caller.
      const commands = [...given];
      if (queued + commands.length > maxQueued) {
        const full = new StoreError('local', 'Too many commands are waiting', { mayHaveRun: false });
        return Promise.reject(full);
      }
      return new Promise((resolve, reject) => {
        const settle = (report: () => void) => {
          if (!ungather(batch, call)) return;
          signal?.removeEventListener('abort', abandon);
          report();
        };
        const call: Call = {
          commands,
          size: sizeOf(commands),
          expiresAt: clock.monotonic() + timeoutMs,
          onSent,
          within,
          resolve: (replies) => settle(() => resolve(replies)),
          reject: (error) => settle(() => reject(error)),
        };
        const abandon = () => {
          call.reject(signal?.reason);
          if (batch.sent && batch.calls.size === 0) batch.controller.abort(signal?.reason);
        };
        const batch = gather(call, atomic);
        signal?.addEventListener('abort', abandon);
        if (isBusy()) expireLater(batch);
        scheduleFlush();
      });
    },
  };
}

function newBatch(atomic: boolean): Batch {
  return {
    calls: new Set(),
    atomic,
    controller: new AbortController(),
    commands: 0,
    size: 0,
    sent: false,
    cancelExpiry: undefined,
  };
}

function requireCounts(bounds: Readonly<Record<string, number>>): void {
  for (const [option, value] of Object.entries(bounds)) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new ConfigError(`batch.${option}`, `must be a whole number of at least 1, got ${value}`);
  }
}

function sizeOf(commands: readonly Command[]): number {
  let size = 0;
  for (const command of commands) for (const part of command) size += typeof part === 'string' ? part.length : 8;
  return size;
}

/** A lost request that held this caller's reads only has certainly changed nothing. */
function lost(error: unknown, call: Call): unknown {
  if (!call.commands.every(isRead)) return error;
  if (isKvError(error) && error.code === 'DEADLINE' && error.mayHaveRun)
    return new DeadlineError(error.timeoutMs, false);
  return error;
}
