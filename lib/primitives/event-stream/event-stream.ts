import type { CallOptions } from '../../client/call.ts';
import { randomBase62 } from '../../client/crypto.ts';
import { KV_PREFIXES } from '../../client/redis-keys.ts';
import { runScript } from '../../client/script.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { ConfigError } from '../../errors.ts';
import { entityName } from '../names.ts';
import { hasNotRun, unavailableBy, unlessAway } from '../unavailable.ts';
import { drainStream } from './drain.ts';
import { eventAppend } from './event-append.ts';
import {
  type Appended,
  type EventStream,
  type EventStreamOptions,
  resolveEventStreamOptions,
} from './event-stream-options.ts';
import { type EventText, eventText } from './event-text.ts';
import { readEntries, STREAM_ID } from './stream-entry.ts';
import { batchSize, createWaitingEvents, MAX_BATCH } from './waiting-events.ts';

/** Of 11 characters of base62 are 65 bits. */
const BATCH_LENGTH = 11;
/** Of the events of one page, where nobody has said how many those are: what an answer in time may take. */
const MAX_PAGE_BYTES = 8_388_608;

/**
 * A stream of events in Redis that processes append to, and that others drain into a database.
 *
 * @throws ConfigError naming the option
 * @example
 * ```ts
 * const events = createEventStream<PageView>({ kv, name: 'page-views' });
 * await events.append([{ path: '/', at: Date.now() }]);
 * await events.drain(sqlEventSink({ query })); // in a cron job
 * ```
 */
export function createEventStream<T>(options: EventStreamOptions): EventStream<T> {
  const { kv, name, maxLength, ttlMs, maxEventBytes, maxBufferedBytes } = resolveEventStreamOptions(options);
  const waiting = createWaitingEvents(maxBufferedBytes);
  const counts = { appended: 0, dropped: 0, uncertain: 0 };
  const pageSize = (most: number) => Math.max(1, Math.min(most, Math.floor(MAX_PAGE_BYTES / maxEventBytes)));
  const keyOf = () => entityName(kv, KV_PREFIXES.EVENTS, name);

  const send = async (events: readonly EventText[], callOptions: CallOptions): Promise<Appended> => {
    const batch = randomBase62(BATCH_LENGTH);
    const args = [batch, maxLength, ttlMs, ...events.map(({ text }) => text)];
    const reply = await runScript(kv, { script: eventAppend, keys: [await keyOf()], args }, callOptions);
    const [lastId, length]: readonly unknown[] = Array.isArray(reply) ? reply : [];
    counts.appended += events.length;
    return { status: 'appended', lastId: String(lastId), length: Number(length) };
  };

  const appendTexts = async (events: readonly EventText[], callOptions: CallOptions = {}): Promise<Appended> => {
    let left = events;
    let answer: Appended = { status: 'empty' };
    while (waiting.count > 0 || left.length > 0) {
      const earlier = waiting.take();
      const own = left.slice(0, batchSize(left, earlier));
      try {
        answer = await send([...earlier, ...own], callOptions);
      } catch (error) {
        // What may have been appended is not sent again; all else waits, as far as there is room.
        const isLost = !hasNotRun(error);
        if (isLost) counts.uncertain += earlier.length + own.length;
        else counts.dropped += waiting.putBack(earlier);
        counts.dropped += waiting.add(isLost ? left.slice(own.length) : left);
        return { ...unavailableBy(error), mayHaveRun: isLost, buffered: waiting.count };
      }
      left = left.slice(own.length);
    }
    return answer;
  };

  return {
    append: async (events, callOptions) => {
      return appendTexts(
        events.map((event) => eventText(event, maxEventBytes)),
        callOptions,
      );
    },
    flush: (callOptions) => appendTexts([], callOptions),
    async read({ after, count = pageSize(100), ...callOptions } = {}) {
      wholeNumber('count', count, 1, MAX_BATCH);
      if (after !== undefined && !STREAM_ID.test(after)) throw new ConfigError('after', 'must be the id of an event');
      const start = after === undefined ? '-' : `(${after}`;
      return unlessAway(async () => {
        const reply = await kv.command(['XRANGE', await keyOf(), start, '+', 'COUNT', count], callOptions);
        const entries = readEntries<T>(reply);
        const events = entries.flatMap(({ event }) => event ?? []);
        const next = entries.length < count ? undefined : entries.at(-1)?.id;
        return { status: 'read' as const, events, unreadable: entries.length - events.length, next };
      });
    },
    async drain(sink, { count = pageSize(500), maxEvents } = {}) {
      return drainStream(kv, { name, key: await keyOf(), sink }, { count, maxEvents });
    },
    stats: () => ({ ...counts, buffered: waiting.count }),
  };
}
