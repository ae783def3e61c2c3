import { type Clock, systemClock } from '../../clock.ts';
import { ConfigError, StoreError } from '../../errors.ts';
import type { Command, Reply, Store } from '../store.ts';
import { createSubscriptions } from '../subscriptions.ts';
import { createChannels, publishCommand } from './channels.ts';
import { createCommandTable, dataCommands } from './command-table.ts';
import { createKeyspace } from './keyspace.ts';
import type { LuaEngine } from './lua-engine.ts';
import { createScriptCache } from './script-cache.ts';
import { scriptCommands } from './scripts.ts';
import { wellFormed } from './text-bytes.ts';

/** Settings of a store in memory. Wrong ones throw a ConfigError. */
export interface MemoryStoreOptions {
  /** Wall time decides about expiry. @default systemClock */
  readonly clock?: Clock | undefined;
  /** Keys held; beyond them the least recently used go. @default 100_000 */
  readonly maxEntries?: number | undefined;
  /**
   * Approximate bytes held, keys and overhead included; beyond them the least recently used keys go.
   * @default 67_108_864 (64 MiB)
   */
  readonly maxBytes?: number | undefined;
  /** Runs scripts that have no TypeScript twin. @default none: such a script is refused */
  readonly lua?: LuaEngine | undefined;
}

/**
 * A Redis inside this process: same commands, same replies, same scripts, bounded. Per process, and empty after a
 * restart. Messages are heard in this process only.
 *
 * A batch runs synchronously: no other batch comes between its commands, and time stands still within it. Expired keys
 * go when they are met and a few with every write; there are no timers. A value larger than `maxBytes` is accepted and
 * evicted at once. Values are text: bytes that are not UTF-8 become U+FFFD. SPOP takes the longest-standing members, and
 * HSCAN, SSCAN and ZSCAN answer everything in one step.
 *
 * @throws ConfigError when a bound is not a positive integer.
 *
 * @example
 * ```ts
 * const store = memoryStore({ maxEntries: 10_000 });
 * const [, count] = await store.execute([['SET', 'hits', 41], ['INCR', 'hits']]); // 42
 * ```
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const { clock = systemClock, maxEntries = 100_000, maxBytes = 64 * 1024 * 1024, lua } = options;
  requirePositive('maxEntries', maxEntries);
  requirePositive('maxBytes', maxBytes);
  const keyspace = createKeyspace({ clock, maxEntries, maxBytes });
  const cache = createScriptCache();
  const channels = createChannels();
  const subscriptions = createSubscriptions(
    async (names, heard) => channels.listen(names.map(wellFormed), heard),
    clock,
  );
  const table = createCommandTable(
    [
      ...dataCommands,
      publishCommand(channels),
      ...scriptCommands({ cache, lua, call: (name, args) => table.runForScript([name, ...args.map(wellFormed)]) }),
    ],
    keyspace,
  );
  let closed = false;
  // Batches wait for the digests of those before them: they run in the order in which they were given.
  let ready: Promise<void> = Promise.resolve();

  const requireOpen = (signal: AbortSignal | undefined) => {
    if (closed) throw new StoreError('local', 'The memory store is closed', { mayHaveRun: false });
    if (signal?.aborted) {
      throw new StoreError('aborted', 'Aborted before it ran', { cause: signal.reason, mayHaveRun: false });
    }
  };

  return {
    kind: 'memory',
    async execute(commands, { signal, atomic = false } = {}) {
      requireOpen(signal);
      const batch = commands.map(toWords);
      const digested = ready.then(() => cache.digest(scriptTexts(batch)));
      ready = digested.catch(() => undefined);
      await digested;
      requireOpen(signal);
      keyspace.begin();
      if (atomic && batch.some((words) => table.check(words))) return batch.map(() => DISCARDED);
      return batch.map((words) => table.run(words));
    },
    subscribe: subscriptions.subscribe,
    async close() {
      closed = true;
      keyspace.clear();
      await subscriptions.close();
    },
  };
}

const DISCARDED: Reply = { error: 'EXECABORT Transaction discarded because of previous errors.' };

function toWords(command: Command): readonly string[] {
  return command.map((word) => wellFormed(String(word)));
}

function scriptTexts(batch: readonly (readonly string[])[]): readonly string[] {
  return batch.flatMap(([name = '', first = '', second]) => {
    const upper = name.toUpperCase();
    if (upper === 'EVAL') return [first];
    return upper === 'SCRIPT' && first.toUpperCase() === 'LOAD' && second !== undefined ? [second] : [];
  });
}

function requirePositive(setting: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) throw new ConfigError(setting, 'must be a positive integer');
}
