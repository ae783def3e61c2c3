import type { KvClient } from '../../client/kv-client.ts';
import { runScriptWith } from '../../client/script.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import type { Command } from '../../store/store.ts';
import { unavailableBy } from '../unavailable.ts';
import { eventDeletion } from './event-deletion.ts';
import type { Drained, DrainOptions, EventSink } from './event-stream-options.ts';
import { type ReadEntry, readEntries } from './stream-entry.ts';
import { MAX_BATCH } from './waiting-events.ts';

interface DrainedStream<T> {
  readonly name: string;
  readonly key: string;
  readonly sink: EventSink<T>;
}

/**
 * Page by page: read, store, and only then delete. Whoever ends between the last two leaves entries that the next one stores
 * again, which a sink that knows them does not do twice.
 */
export async function drainStream<T>(
  kv: KvClient,
  { name, key, sink }: DrainedStream<T>,
  { count, maxEvents = 100_000 }: DrainOptions & { readonly count: number },
): Promise<Drained> {
  wholeNumber('count', count, 1, MAX_BATCH);
  wholeNumber('maxEvents', maxEvents, 1, Number.MAX_SAFE_INTEGER);
  let [events, unreadable, start] = [0, 0, '-'];
  /** Ids and batches in turn. */
  let stored: readonly string[] = [];

  /** Deletes what has been stored, and reads on: in one request. */
  const turn = async (size: number): Promise<readonly ReadEntry<T>[]> => {
    const reading: readonly Command[] = size > 0 ? [['XRANGE', key, start, '+', 'COUNT', size]] : [];
    const deletion = { script: eventDeletion, keys: [key], args: stored };
    const results = await (stored.length > 0 ? runScriptWith(kv, deletion, reading) : kv.execute(reading));
    const refusal = results.find((result) => result instanceof Error);
    if (refusal) throw refusal;
    stored = [];
    return size > 0 ? readEntries<T>(results.at(-1)) : [];
  };

  for (;;) {
    const size = Math.min(count, maxEvents - events);
    let page: readonly ReadEntry<T>[];
    try {
      page = await turn(size);
    } catch (error) {
      return { ...unavailableBy(error), events };
    }
    const readable = page.flatMap(({ event }) => event ?? []);
    unreadable += page.length - readable.length;
    if (page.length === 0) return { status: 'drained', events, unreadable, complete: size > 0 };
    if (readable.length > 0) await sink(name, readable);
    events += readable.length;
    stored = readable.flatMap(({ id, batch }) => [id, batch]);
    start = `(${page.at(-1)?.id}`;
  }
}
