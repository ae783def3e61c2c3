import { constantTimeEqual } from '../client/crypto.ts';
import type { KvClient } from '../client/kv-client.ts';
import { retryAfterOf } from '../client/retry-after.ts';
import { type Instant, instant } from '../clock.ts';
import { isKvError } from '../errors.ts';
import type { Judgement } from './judgement.ts';
import type { MissGuard } from './miss-guard.ts';
import type { Ask, Consultation, Fill, Question } from './question.ts';
import { type DigestRecord, readDigestRecord } from './record.ts';
import type { GuardedSource } from './source/guarded-source.ts';
import { recordTextOf } from './source/source.ts';

export interface ConsultOptions<Config> {
  readonly kv: KvClient;
  readonly misses: MissGuard;
  /** Where keys are on record, when that is not the Redis of `kv`. */
  readonly source: GuardedSource<Config> | undefined;
  /** Life of the entries in Redis. */
  readonly entryTtlMs: number;
}

/** Asks the source, for at most `timeoutMs`. Rejects with the reason of `signal` only. */
export type Consult<Config> = (
  question: Question,
  ask: Ask,
  timeoutMs: number,
  signal?: AbortSignal,
) => Promise<Consultation<Config>>;

/** What the source has found, under which of the digests, and when it was asked. */
interface Found {
  readonly text: string;
  readonly place: number;
  readonly askedAt: Instant;
}

/** It has none of them, and was asked for the first one then. */
interface NotFound {
  readonly text?: undefined;
  readonly askedAt: Instant;
}

/** Fills nothing in, and takes back what was counted. */
const FORGIVEN: Fill = { text: '', place: -1, endsAt: 0 };

/** Asks the source of keys, and makes of its answer what Redis is to hear. */
export function createConsult<Config>(
  { kv, source, misses, entryTtlMs }: ConsultOptions<Config>,
  { remember, forget, recall, unreadable }: Judgement<Config>,
): Consult<Config> {
  const { clock } = kv;

  /** What the source says of the first digest that it knows. A look that is joined may have begun before. */
  const find = async (
    { digests, onBackground }: Question,
    seen: boolean,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Found | NotFound> => {
    const begunAt = instant(clock);
    let firstAt = begunAt;
    for (const [index, digest] of digests.entries()) {
      const leftMs = timeoutMs - (clock.monotonic() - begunAt.monotonic);
      const answer = await source?.find(digest, { timeoutMs: leftMs, signal, seen, onBackground });
      if (!answer) continue;
      const { found, askedAt } = answer;
      if (askedAt.monotonic < firstAt.monotonic) firstAt = askedAt;
      if (!found) continue;
      // A database may take letters for others; an answer about another digest is none.
      if (found.digest !== undefined && !constantTimeEqual(found.digest, digest.digest)) continue;
      return { text: recordTextOf(found, digest.kid) ?? '', place: index + 1, askedAt };
    }
    return { askedAt: firstAt };
  };

  /**
   * The entry ends so long after the source was asked, by the clock of Redis, that a revocation behind the answer's back is
   * unseen for no longer, and its tombstone still stands when a process that stood still sends what it knew.
   */
  const fillOf = (
    record: DigestRecord<Config>,
    found: Found,
    saidAt: NonNullable<Ask['saidAt']>,
    isMiss: boolean,
  ): Fill => {
    const { text, place, askedAt } = found;
    const { here, redisMs } = saidAt;
    // The look was under way before Redis said that it has nothing.
    const earlierMs = Math.max(0, here.monotonic - askedAt.monotonic, here.wall - askedAt.wall);
    const endsAt = redisMs - earlierMs + entryTtlMs;
    const keyEndsAt = record.status === 'active' ? record.expiresAt : null;
    return { text, place: isMiss ? -place : place, endsAt: Math.floor(Math.min(endsAt, keyEndsAt ?? endsAt)) };
  };

  /** Nobody could say, so it was no miss: an outage locks nobody out. */
  const forgiven = ({ client }: Question, missed: Ask['missed']): Fill | undefined => {
    if (missed === 'here') misses.forgive(client);
    return missed === 'store' ? FORGIVEN : undefined;
  };

  return async (question, { missed, saidAt }, timeoutMs, signal) => {
    try {
      const found = await find(question, missed === undefined, timeoutMs, signal);
      if (found.text === undefined) return { validation: forget(question, found.askedAt), fill: undefined };
      const record = readDigestRecord<Config>(found.text);
      if (!record) {
        unreadable('what the source of API keys answered is no key');
        return { validation: recall(question), fill: forgiven(question, missed) };
      }
      if (missed === 'here') misses.forgive(question.client);
      const validation = remember(question, record, found.askedAt);
      return { validation, fill: saidAt && fillOf(record, found, saidAt, missed === 'store') };
    } catch (error) {
      signal?.throwIfAborted();
      if (isKvError(error) && error.code === 'COMMAND') unreadable(error.replyCode);
      // Where too many are looked up at once the source is there: it is a flood, not an outage.
      const isFlood = isKvError(error) && error.code === 'STORE' && error.kind === 'local';
      const fill = isFlood ? undefined : forgiven(question, missed);
      return { validation: recall(question, retryAfterOf(error)), fill };
    }
  };
}
