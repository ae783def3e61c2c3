import type { Cancel, Clock } from '../clock.ts';
import { DeadlineError, StoreError } from '../errors.ts';
import type { Command, Reply } from '../store/store.ts';
import { isRead } from './commands.ts';

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
  readonly send: (commands: readonly Command[], controller: AbortController) => Promise<readonly Reply[]>;
}

export interface Batcher {
  /** The replies to `commands`, which stay together and in order. */
  submit(commands: readonly Command[], signal?: AbortSignal): Promise<readonly Reply[]>;
}

interface Call {
  readonly commands: readonly Command[];
  readonly size: number;
  readonly resolve: (replies: readonly Reply[]) => void;
  readonly reject: (error: unknown) => void;
  waiting: boolean;
}

interface Batch {
  readonly calls: Call[];
  readonly controller: AbortController;
  commands: number;
  size: number;
  waiting: number;
  sent: boolean;
  cancelExpiry: Cancel | undefined;
}

/**
 * Group commit. Commands issued in one tick leave as one request; while `maxInFlight` requests are under way, commands
 * gather and leave together when one returns. So batches grow with load by themselves, and an idle client waits for
 * nothing.
 */
export function createBatcher(options: BatcherOptions): Batcher {
  const { clock, timeoutMs, send, maxInFlight = 4, maxCommands = 256, maxSize = 524_288, maxQueued = 10_000 } = options;
  const queue: Batch[] = [];
  let queued = 0;
  let inFlight = 0;
  let flushing = false;

  const flush = () => {
    flushing = false;
    while (inFlight < maxInFlight) {
      const batch = queue.shift();
      if (!batch) return;
      queued -= batch.commands;
      if (batch.waiting > 0) void dispatch(batch);
    }
    for (const batch of queue) expireLater(batch);
  };

  const scheduleFlush = () => {
    if (flushing || inFlight >= maxInFlight) return;
    flushing = true;
    queueMicrotask(flush);
  };

  const dispatch = async (batch: Batch) => {
    inFlight += 1;
    batch.sent = true;
    const calls = batch.calls.filter((call) => call.waiting);
    try {
      const replies = await send(
        calls.flatMap(({ commands }) => commands),
        batch.controller,
      );
      let index = 0;
      for (const call of calls) {
        const end = index + call.commands.length;
        if (call.waiting) call.resolve(replies.slice(index, end));
        index = end;
      }
    } catch (error) {
      for (const call of calls) if (call.waiting) call.reject(lost(error, call));
    } finally {
      inFlight -= 1;
      flush();
    }
  };

  /** A batch that has to wait gets a deadline of its own: the requests ahead of it may take all of theirs. */
  const expireLater = (batch: Batch) => {
    batch.cancelExpiry ??= clock.after(timeoutMs, () => {
      for (const call of batch.calls) {
        if (call.waiting) call.reject(new DeadlineError(timeoutMs, batch.sent && !call.commands.every(isRead)));
      }
    });
  };

  const gather = (call: Call): Batch => {
    const last = queue.at(-1);
    const fits = last && last.commands + call.commands.length <= maxCommands && last.size + call.size <= maxSize;
    const batch = fits ? last : newBatch();
    if (!fits) queue.push(batch);
    batch.calls.push(call);
    batch.commands += call.commands.length;
    batch.size += call.size;
    batch.waiting += 1;
    queued += call.commands.length;
    return batch;
  };

  return {
    submit(commands, signal) {
      if (queued + commands.length > maxQueued) {
        const full = new StoreError('local', 'Too many commands are waiting', { mayHaveRun: false });
        return Promise.reject(full);
      }
      return new Promise((resolve, reject) => {
        const call: Call = {
          commands,
          size: sizeOf(commands),
          waiting: true,
          resolve: (replies) => settle(() => resolve(replies)),
          reject: (error) => settle(() => reject(error)),
        };
        const batch = gather(call);
        const settle = (report: () => void) => {
          call.waiting = false;
          batch.waiting -= 1;
          if (batch.waiting === 0) batch.cancelExpiry?.();
          signal?.removeEventListener('abort', abandon);
          report();
        };
        const abandon = () => {
          call.reject(signal?.reason);
          if (batch.sent && batch.waiting === 0) batch.controller.abort(signal?.reason);
        };
        signal?.addEventListener('abort', abandon);
        if (inFlight >= maxInFlight) expireLater(batch);
        scheduleFlush();
      });
    },
  };
}

function newBatch(): Batch {
  return {
    calls: [],
    controller: new AbortController(),
    commands: 0,
    size: 0,
    waiting: 0,
    sent: false,
    cancelExpiry: undefined,
  };
}

function sizeOf(commands: readonly Command[]): number {
  let size = 0;
  for (const command of commands) for (const part of command) size += typeof part === 'string' ? part.length : 8;
  return size;
}

/** A lost request that held this caller's reads only has certainly changed nothing. */
function lost(error: unknown, call: Call): unknown {
  if (!call.commands.every(isRead)) return error;
  if (error instanceof DeadlineError && error.mayHaveRun) return new DeadlineError(error.timeoutMs, false);
  return error;
}
